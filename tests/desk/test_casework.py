"""What agents do to a case, through the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from desk import casework, outbox
from desk.errors import ConflictError, NotAllowedError, NotFoundError
from desk.model.case import Case, CaseId, CaseState, Severity
from desk.model.event import EventKind
from desk.model.reply import Outgoing, SentPost
from desk.model.sla import Clock
from desk.store.case_view import load
from tests.kernel import Desk, FakeSender, after, brand_post, post

ONE = CaseId(1)
Act = Callable[[Desk, datetime], object]


def claim(desk: Desk, now: datetime) -> Case:
    return casework.claim(desk.store, ONE, agent="mia", now=now)


def release(desk: Desk, now: datetime) -> Case:
    return casework.release(desk.store, ONE, agent="mia", now=now)


def snooze(desk: Desk, now: datetime) -> Case:
    return casework.snooze(desk.store, ONE, agent="mia", until=after(600), now=now)


def note(desk: Desk, now: datetime) -> Case:
    return casework.note(desk.store, ONE, agent="mia", text="Called the depot", now=now)


def resolve(desk: Desk, now: datetime) -> Case:
    return casework.resolve(desk.store, ONE, agent="mia", now=now)


def dismiss(desk: Desk, now: datetime) -> Case:
    return casework.dismiss(desk.store, ONE, agent="mia", reason="noise", now=now)


def reopen(desk: Desk, now: datetime) -> Case:
    return casework.reopen(desk.store, ONE, agent="mia", now=now)


def urgent(desk: Desk, now: datetime) -> Case:
    return casework.set_severity(desk.store, ONE, agent="mia", severity=Severity.URGENT, now=now)


def approve(desk: Desk, now: datetime) -> object:
    return desk.approve("We are sorry", now=now)


ACTS: list[tuple[Act, Act | None]] = [
    (claim, None),
    (release, claim),
    (snooze, None),
    (note, None),
    (resolve, None),
    (reopen, resolve),
    (dismiss, None),
    (urgent, None),
    (approve, claim),
]


@pytest.mark.parametrize(("act", "before"), ACTS, ids=[act.__name__ for act, _ in ACTS])
def test_every_act_can_be_taken_back(desk: Desk, act: Act, before: Act | None) -> None:
    desk.take(post("1"))
    if before is not None:
        before(desk, after(1))
    untouched = desk.case()
    act(desk, after(2))
    shown = load(desk.store, ONE, "mia").events
    undone = casework.undo(desk.store, ONE, agent="mia", now=after(3))
    assert undone.seq == shown[-1].seq
    assert replace(desk.case(), version=untouched.version) == untouched
    assert desk.case().version > untouched.version
    assert undone not in load(desk.store, ONE, "mia").events


def test_undoing_again_takes_back_what_was_done_before(desk: Desk) -> None:
    desk.take(post("1"))
    claim(desk, after(1))
    note(desk, after(2))
    resolve(desk, after(3))
    kinds = [casework.undo(desk.store, ONE, agent="mia", now=after(4)).kind for _ in range(3)]
    assert kinds == [EventKind.RESOLVED, EventKind.NOTED, EventKind.CLAIMED]
    with pytest.raises(NotAllowedError, match="nothing of yours"):
        casework.undo(desk.store, ONE, agent="mia", now=after(5))


def test_another_agents_act_and_the_customers_word_cannot_be_taken_back(desk: Desk) -> None:
    desk.take(post("1"))
    claim(desk, after(1))
    with pytest.raises(NotAllowedError, match="something else happened since"):
        casework.undo(desk.store, ONE, agent="leo", now=after(2))
    desk.take(post("2", at=after(3)))
    with pytest.raises(NotAllowedError, match="something else happened since"):
        casework.undo(desk.store, ONE, agent="mia", now=after(4))


def test_claiming_is_done_once_and_can_be_taken_over(desk: Desk) -> None:
    desk.take(post("1"))
    first = claim(desk, after(1))
    assert (first.state, first.assignee) == (CaseState.ASSIGNED, "mia")
    assert claim(desk, after(2)) == first, "nothing happened"
    assert casework.claim(desk.store, ONE, agent="leo", now=after(3)).assignee == "leo"


def test_what_the_table_forbids_is_refused_and_leaves_no_event(desk: Desk) -> None:
    desk.take(post("1"))
    resolve(desk, after(1))
    before = desk.log()
    for act in (claim, snooze, resolve, dismiss):
        with pytest.raises(NotAllowedError, match="Case 1 is resolved: it cannot be"):
            act(desk, after(2))
    with pytest.raises(NotAllowedError, match="belongs to nobody"):
        release(desk, after(2))
    assert desk.log() == before
    reopen(desk, after(3))
    with pytest.raises(NotAllowedError):
        reopen(desk, after(4))
    with pytest.raises(NotAllowedError):
        casework.wake(desk.store, ONE, agent="mia", now=after(4))


def test_a_note_on_a_closed_case_is_fine_and_an_empty_one_is_not(desk: Desk) -> None:
    desk.take(post("1"))
    resolve(desk, after(1))
    assert note(desk, after(2)).state is CaseState.RESOLVED
    with pytest.raises(NotAllowedError, match="The note is empty"):
        casework.note(desk.store, ONE, agent="mia", text=" \n", now=after(3))


def test_snoozing_into_the_past_is_refused(desk: Desk) -> None:
    desk.take(post("1"))
    with pytest.raises(NotAllowedError, match="still to come"):
        casework.snooze(desk.store, ONE, agent="mia", until=after(1), now=after(1))


def test_waking_by_hand(desk: Desk) -> None:
    desk.take(post("1"))
    claim(desk, after(1))
    snooze(desk, after(2))
    woken = casework.wake(desk.store, ONE, agent="mia", now=after(3))
    assert (woken.state, woken.snoozed_until) == (CaseState.ASSIGNED, None)


def test_the_same_severity_again_is_no_event(desk: Desk) -> None:
    desk.take(post("1"))
    urgent(desk, after(1))
    before = desk.log()
    urgent(desk, after(2))
    assert desk.log() == before


def test_acts_on_a_case_that_does_not_exist(desk: Desk) -> None:
    for act in (claim, release, snooze, note, resolve, dismiss, reopen, urgent, approve):
        with pytest.raises(NotFoundError, match="no case 1"):
            act(desk, after(1))
    with pytest.raises(NotFoundError):
        casework.undo(desk.store, ONE, agent="mia", now=after(1))
    with pytest.raises(NotFoundError):
        load(desk.store, ONE, "mia")


def test_a_note_stops_no_clock_through_the_store(desk: Desk) -> None:
    """Case 25."""
    desk.take(post("1"))
    note(desk, after(1))
    assert desk.span(Clock.FIRST_RESPONSE).stopped_at is None
    assert desk.case().due_at == after(60)


def test_a_reply_can_be_taken_back_until_a_sender_has_it_and_its_text_is_kept(desk: Desk) -> None:
    desk.take(post("1"))
    approve(desk, after(1))
    casework.undo(desk.store, ONE, agent="mia", now=after(1.05))
    sender = FakeSender()
    assert outbox.send_due(desk.store, {"bluesky": sender}, after(60)) == 0
    assert sender.attempts == []
    view = load(desk.store, ONE, "mia")
    assert (view.draft, view.live_reply) == ("We are sorry", None)
    desk.approve("Another", now=after(61))
    assert load(desk.store, ONE, "mia").draft == ""


def test_too_late_to_take_a_reply_back(desk: Desk) -> None:
    desk.take(post("1"))
    approve(desk, after(1))

    class Undoing(FakeSender):
        def send(self, outgoing: Outgoing) -> SentPost:
            with pytest.raises(ConflictError, match="already on its way"):
                casework.undo(desk.store, ONE, agent="mia", now=after(2))
            return super().send(outgoing)

    assert outbox.send_due(desk.store, {"bluesky": Undoing()}, after(2)) == 1
    with pytest.raises(NotAllowedError, match="nothing of yours"):
        casework.undo(desk.store, ONE, agent="mia", now=after(3))


def test_a_case_view_shows_the_whole_thread_and_whose_posts_are_the_cases(desk: Desk) -> None:
    desk.take(
        post("1"),
        post("2", "Mine neither", after(1), by="bob"),
        brand_post("9", at=after(5), reply_to="1"),
    )
    view = load(desk.store, ONE, "mia")
    assert [(p.mention.external_id, p.in_case) for p in view.posts] == [
        ("1", True),
        ("2", False),
        ("9", True),
    ]
    assert view.answering.external_id == "1"
    assert [mood.negative for mood in view.profile.moods] == [0.5]
    assert view.profile.posts == 1
    assert all(p.reasons for p in view.posts)
