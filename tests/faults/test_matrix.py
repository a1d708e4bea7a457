"""Whatever goes wrong on a platform: no post is lost or doubled, and no reply is public twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import platforms
from tests.faults.kinds import Kind
from tests.faults.matrix import measure


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("feed", platforms.first_feeds())
def test_nothing_is_lost_nothing_doubled_and_nobody_answered_twice(
    feed: str, kind: Kind, tmp_path: Path
) -> None:
    cell = measure(feed, kind, tmp_path)

    assert cell.no_meaning or cell.posts > 0
    assert cell.broken_promises == {}
