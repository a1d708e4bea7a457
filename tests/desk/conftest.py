"""What the tests of the kernel share."""

from __future__ import annotations

import pytest

from tests.kernel import Desk, post


@pytest.fixture
def case(desk: Desk) -> Desk:
    """A desk with one complaint, which nobody has touched."""
    desk.take(post("1"))
    return desk
