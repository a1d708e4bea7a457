"""Held posts are looked at again within a day, so that nothing outlives its deletion for longer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from desk.errors import SourceError
from desk.model.mention import Mention, MentionId
from desk.ports import Headroom, Looked
from desk.recheck import Recheck
from desk.store import sources
from desk.store.queue_view import QueueFilter, Shelf, page
from tests.kernel import NOON, Desk, after, post


class Platform:
    """Knows which posts are gone or changed there, and keeps who was looked at and when."""

    name, source, batch_size = "bluesky:deletions", "bluesky", 2

    def __init__(self, posts_per_day: int | None = None) -> None:
        self.posts_per_day = posts_per_day
        self.gone: set[str] = set()
        self.texts: dict[str, str] = {}
        self.cannot_tell: set[str] = set()
        self.down: Exception | None = None
        self.looks: list[list[str]] = []

    def look(self, held: Sequence[Mention]) -> Looked:
        if self.down is not None:
            raise self.down
        self.looks.append([each.external_id for each in held])
        return Looked(
            deleted=[each.id for each in held if each.external_id in self.gone],
            edited=[
                replace(each, text=self.texts[each.external_id])
                for each in held
                if each.external_id in self.texts
            ],
            undecided=[each.id for each in held if each.external_id in self.cannot_tell],
            headroom=Headroom(9, 10),
        )


@pytest.fixture
def pass_at(desk: Desk) -> Callable[[Platform, datetime], list[str]]:
    """Look until nothing is due at a moment; what was looked at, in order."""

    def run(platform: Platform, moment: datetime) -> list[str]:
        before = len(platform.looks)
        recheck = Recheck(desk.store, platform, lambda: moment)
        while True:
            with desk.store.read() as db:
                cursor = sources.cursor(db, recheck.name)
            batch = recheck.fetch(cursor)
            recheck.record(batch)
            if not batch.more:
                return [each for look in platform.looks[before:] for each in look]

    return run


Pass = Callable[[Platform, datetime], list[str]]


def test_every_held_post_is_looked_at_within_each_day(desk: Desk, pass_at: Pass) -> None:
    for number in range(5):
        desk.take(post(str(number), at=after(number), thread=f"t{number}"))
    platform = Platform()
    seen: dict[str, datetime] = {str(number): after(number) for number in range(5)}
    for hour in range(0, 24 * 5):
        for each in pass_at(platform, after(hours=hour)):
            assert after(hours=hour) - seen[each] <= timedelta(hours=24)
            seen[each] = after(hours=hour)
    assert all(after(days=5) - at <= timedelta(hours=24) for at in seen.values())
    assert len(platform.looks) < 5 * 5, "and not much more often: looks cost"


def test_what_is_gone_is_erased_also_from_the_search(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1", "My parcel never came"), post("2", "Mine neither", thread="t2", by="bob"))
    platform = Platform()
    platform.gone = {"1"}
    assert pass_at(platform, after(hours=21)) == ["1", "2"]
    assert desk.mention("bluesky:1").text == ""
    assert desk.mention("bluesky:2").text == "Mine neither"
    assert page(desk.store, QueueFilter(Shelf.ALL, search="parcel")).rows == ()
    assert desk.case(1).unanswered == 0
    assert pass_at(platform, after(hours=42)) == ["2"], "there is nothing left to look at"


def test_what_was_edited_is_taken_over(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1", "My parcel never came"))
    platform = Platform()
    platform.texts = {"1": "It came!"}
    pass_at(platform, after(hours=21))
    assert desk.mention("bluesky:1").text == "It came!"


def test_only_the_platforms_own_posts_are_looked_at(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1"), post("2", source="mastodon", thread="t2"))
    assert pass_at(Platform(), after(hours=21)) == ["1"]


def test_recent_posts_come_first(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("old", at=after(days=-30), seen=NOON, thread="t1"))
    desk.take(post("new", at=after(1), thread="t2"))
    assert pass_at(Platform(), after(hours=21)) == ["new", "old"]


def test_a_failed_look_is_repeated_and_loses_nothing(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1"))
    platform = Platform()
    platform.down = SourceError("503")
    with pytest.raises(SourceError):
        pass_at(platform, after(hours=21))
    platform.down = None
    assert pass_at(platform, after(hours=21)) == ["1"]


def test_what_the_platform_could_not_tell_is_asked_again_soon(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1"))
    platform = Platform()
    platform.cannot_tell = {"1"}
    assert pass_at(platform, after(hours=21)) == ["1"]
    assert pass_at(platform, after(hours=21, minutes=1)) == []
    assert pass_at(platform, after(hours=21, minutes=16)) == ["1"]


def test_the_days_limit_is_kept_and_what_it_leaves_over_is_said_loudly(desk: Desk, pass_at: Pass) -> None:
    for number in range(5):
        desk.take(post(str(number), thread=f"t{number}", by=f"u{number}"))
    platform = Platform(posts_per_day=3)
    evening = after(hours=10)  # before midnight, and nothing is late yet
    assert pass_at(platform, evening) == []
    with pytest.raises(SourceError, match=r"^2 posts have not been looked at for over 24 hours"):
        pass_at(platform, after(hours=25))
    assert sum(map(len, platform.looks)) == 3
    assert len(pass_at(platform, after(hours=37))) == 2, "the next day"


def test_the_days_count_survives_a_restart(desk: Desk, pass_at: Pass) -> None:
    """It is the cursor: it commits with what the looks found."""
    desk.take(*(post(str(n), thread=f"t{n}") for n in range(3)))
    platform = Platform(posts_per_day=2)
    assert len(pass_at(platform, after(hours=21))) == 2
    assert len(pass_at(platform, after(hours=22))) == 0


def test_its_state_is_shown_as_a_source_of_its_own(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1"))
    pass_at(Platform(), after(hours=21))
    with desk.store.read() as db:
        status = next(s for s in sources.statuses(db) if s.name == "bluesky:deletions")
    assert (status.state, status.last_success_at, status.headroom) == ("ok", after(hours=21), Headroom(9, 10))


def test_a_post_that_its_source_reported_as_deleted_is_not_looked_at(desk: Desk, pass_at: Pass) -> None:
    desk.take(post("1"), post("2", thread="t2"))
    pass_at(Platform(), after(1))
    desk.record(deleted=[MentionId("bluesky:1")], now=after(2))
    assert pass_at(Platform(), after(hours=21)) == ["2"]
