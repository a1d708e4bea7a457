"""What agents are told before they trust an empty queue."""

from __future__ import annotations

from desk import outbox
from desk.model.case import CaseId
from desk.store import sources
from desk.store.health_view import beat, troubles
from desk.store.sources import SourceStatus
from tests.kernel import NOON, Desk, after, post

SILENT = "nothing listens or sends: start answerback run"


def test_a_desk_beside_a_living_run_has_no_trouble(desk: Desk) -> None:
    assert troubles(desk.store, NOON) == (SILENT,), "nobody ever listened"
    beat(desk.store, NOON)
    assert troubles(desk.store, after(1)) == ()


def test_a_run_that_died_is_missed(desk: Desk) -> None:
    beat(desk.store, NOON)
    assert troubles(desk.store, after(2)) == (SILENT,)
    beat(desk.store, after(2))
    assert troubles(desk.store, after(2)) == ()


def test_a_beat_is_written_seldom(desk: Desk) -> None:
    beat(desk.store, NOON)
    other = type(desk.store)(desk.store.path)
    version = other.data_version()
    beat(desk.store, after(0.2))
    assert other.data_version() == version
    beat(desk.store, after(0.6))
    assert other.data_version() != version


def test_a_source_that_cannot_be_read_and_a_reply_that_nobody_sends_are_said(desk: Desk) -> None:
    beat(desk.store, after(9))
    desk.take(post("1"))
    outbox.approve(desk.store, CaseId(1), agent="mia", text="Sorry", now=NOON)
    with desk.store.write() as db:
        sources.save_failure(db, SourceStatus("x:own", "backing_off", None, "401"))
    assert troubles(desk.store, after(10)) == ("x:own cannot be read", "1 reply waits for a sender")
