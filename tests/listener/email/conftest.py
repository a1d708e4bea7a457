"""Real mail servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.clock import Clock
from tests.fakes.email_server import MailServer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[MailServer]:
    with MailServer(clock) as server:
        yield server
