"""What is kept of each source: its cursor, its health, and the ledger of what may be missing."""

from __future__ import annotations

from desk import intake
from desk.ports import Batch, Gap, Headroom
from desk.store import sources
from desk.store.sources import SourceStatus
from tests.kernel import NOON, Desk, after, post


def statuses(desk: Desk) -> list[SourceStatus]:
    with desk.store.read() as db:
        return sources.statuses(db)


def failed(desk: Desk, state: str, error: str) -> None:
    with desk.store.write() as db:
        sources.save_failure(db, SourceStatus("test", state, None, error))


def test_a_source_that_never_succeeded_is_listed(desk: Desk) -> None:
    failed(desk, "refused", "401: check the token")
    assert statuses(desk) == [SourceStatus("test", "refused", None, "401: check the token", None, None)]


def test_a_failure_keeps_the_cursor_and_the_last_success(desk: Desk) -> None:
    desk.record(post("1"), now=after(1), cursor="1")
    failed(desk, "backing off", "503")
    (status,) = statuses(desk)
    assert (status.state, status.last_error) == ("backing off", "503")
    assert (status.last_success_at, status.newest_post_at) == (after(1), NOON)
    with desk.store.read() as db:
        assert sources.cursor(db, "test") == "1"


def test_a_success_forgets_the_failure(desk: Desk) -> None:
    failed(desk, "backing off", "503")
    desk.record(now=after(5))
    (status,) = statuses(desk)
    assert (status.state, status.last_error, status.last_success_at) == ("ok", "", after(5))


def test_the_newest_post_never_moves_back_nor_into_the_future(desk: Desk) -> None:
    desk.record(post("1", at=after(10)), now=after(10))
    desk.record(post("2", at=NOON, seen=after(11)), now=after(11))
    assert statuses(desk)[0].newest_post_at == after(10)
    desk.record(post("3", at=after(days=365), seen=after(12)), now=after(12))
    assert statuses(desk)[0].newest_post_at == after(12), "or the source would look fresh for a year"


def test_headroom_is_the_last_that_was_told(desk: Desk) -> None:
    room = Headroom(3, 450, after(15))
    intake.record(desk.store, "test", Batch(headroom=room), NOON)
    desk.record(now=after(1))
    assert statuses(desk)[0].headroom == room


def test_a_gap_is_in_the_ledger_once(desk: Desk) -> None:
    gap = Gap(NOON, after(30), "older than the platform keeps")
    for minute in (40, 41):
        intake.record(desk.store, "test", Batch(gaps=[gap]), after(minute))
    intake.record(desk.store, "other", Batch(gaps=[Gap(after(-60), NOON, "outage")]), after(42))
    with desk.store.read() as db:
        assert sources.gaps(db) == [("other", Gap(after(-60), NOON, "outage")), ("test", gap)]
