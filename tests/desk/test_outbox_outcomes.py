"""Sending that fails, is refused, or ends nobody knows how: read back, tried again, and never out twice."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import casework, outbox
from desk.errors import (
    SendLaterError,
    SendRefusedError,
    SendUnknownError,
)
from desk.model.case import CaseState
from desk.model.reply import Outgoing, ReplyState, SentPost
from desk.model.sla import Clock
from desk.store.case_view import load
from tests.desk.replying import ONE, failures, send
from tests.kernel import NOON, Desk, FakeSender, after, post


def test_a_sender_that_died_is_read_back_and_was_public(case: Desk) -> None:
    class Dying(FakeSender):
        def send(self, outgoing: Outgoing) -> SentPost:
            super().send(outgoing)
            raise KeyboardInterrupt

    sender = Dying()
    case.approve(now=after(9))
    with pytest.raises(KeyboardInterrupt):
        send(case, sender, 10)
    assert case.reply().state is ReplyState.SENDING
    assert send(case, sender, 11) == 0, "its lease runs"
    assert send(case, sender, 12.1) == 0
    assert case.reply().state is ReplyState.UNCONFIRMED
    assert send(case, sender, 13) == 1
    assert (case.reply().state, len(sender.attempts)) == (ReplyState.SENT, 1)


def test_an_unknown_outcome_is_read_back_before_anything_else(case: Desk) -> None:
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    sender.publish_before_failing = True
    case.approve(now=after(9))
    assert send(case, sender, 10) == 0
    assert case.reply().state is ReplyState.UNCONFIRMED
    assert send(case, sender, 10.1) == 0, "a timeline may lag behind"
    assert send(case, sender, 30) == 1
    assert (case.reply().state, len(sender.attempts), len(sender.published)) == (ReplyState.SENT, 1, 1)


def test_an_unknown_outcome_that_is_not_there_is_sent_once_more(case: Desk) -> None:
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    case.approve(now=after(9))
    send(case, sender, 10)
    assert send(case, sender, 30) == 1
    assert (len(sender.attempts), len(sender.published)) == (2, 1)


def test_a_read_back_that_cannot_be_told_now_waits(case: Desk) -> None:
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    sender.find_script = [SendLaterError("busy", retry_after_seconds=600)]
    case.approve(now=after(9))
    send(case, sender, 10)
    assert send(case, sender, 30) == 0
    assert send(case, sender, 39) == 0
    assert (case.reply().state, len(sender.attempts)) == (ReplyState.UNCONFIRMED, 1)
    assert send(case, sender, 41) == 1


def test_after_three_unknown_outcomes_a_person_has_to_look(case: Desk) -> None:
    sender = FakeSender("bluesky", *[SendUnknownError("time-out")] * 9)
    case.approve(now=after(9))
    for minute in range(10, 100, 10):
        send(case, sender, minute)
    assert len(sender.attempts) == outbox.MAX_ATTEMPTS == 3
    assert case.reply().state is ReplyState.FAILED
    assert failures(case) == ["Tried 3 times without an answer; it is not public."]
    assert load(case.store, ONE, "mia").draft == "We are sorry", "nobody has to write it again"
    assert case.span(Clock.FIRST_RESPONSE).stopped_at is None


def test_being_told_to_come_later_is_no_attempt(case: Desk) -> None:
    later = SendLaterError("busy", retry_after_seconds=60)
    sender = FakeSender("bluesky", later, later, later, SendUnknownError("time-out"))
    case.approve(now=after(9))
    for minute in range(10, 60, 5):
        send(case, sender, minute)
    assert (case.reply().state, case.reply().attempts) == (ReplyState.SENT, 2)
    assert len(sender.published) == 1


def test_a_refusal_is_final_and_stops_no_clock(case: Desk) -> None:
    """Case 28."""
    sender = FakeSender("bluesky", SendRefusedError("The author allows no replies."))
    case.approve(now=after(9))
    assert send(case, sender, 10) == 0
    assert (case.reply().state, case.reply().error) == (ReplyState.FAILED, "The author allows no replies.")
    assert failures(case) == ["The author allows no replies."]
    assert case.span(Clock.FIRST_RESPONSE).stopped_at is None
    assert case.case().state is CaseState.ASSIGNED
    assert load(case.store, ONE, "mia").draft == "We are sorry"
    assert send(case, sender, 60) == 0
    assert len(sender.attempts) == 1
    case.answer(sender, "Shorter", now=after(61))
    assert case.case().state is CaseState.WAITING


def test_come_back_later_is_obeyed_and_can_still_be_taken_back(case: Desk) -> None:
    sender = FakeSender("bluesky", SendLaterError("rate limit", retry_after_seconds=900))
    case.approve(now=after(9))
    send(case, sender, 10)
    assert (case.reply().state, case.reply().error) == (ReplyState.APPROVED, "rate limit")
    assert send(case, sender, 24) == 0
    assert len(sender.attempts) == 1
    casework.undo(case.store, ONE, agent="mia", now=after(24.5))
    assert send(case, sender, 26) == 0
    case.approve(now=after(27))
    assert send(case, sender, 28) == 1


@pytest.mark.parametrize("late", [1, 499, 999, 1000])
def test_not_even_a_fraction_of_a_millisecond_too_early(case: Desk, late: int) -> None:
    sender = FakeSender("bluesky", SendLaterError("rate limit", retry_after_seconds=900))
    case.approve(now=after(9))
    asked = after(10) + timedelta(microseconds=late)
    again = asked + timedelta(seconds=900)
    assert outbox.send_due(case.store, {"bluesky": sender}, asked) == 0
    assert outbox.send_due(case.store, {"bluesky": sender}, again - timedelta(microseconds=1)) == 0
    assert len(sender.attempts) == 1
    assert outbox.send_due(case.store, {"bluesky": sender}, again + timedelta(milliseconds=1)) == 1


class Unreliable(FakeSender):
    """A platform on a bad day: each call ends as the script says, and what it publishes it keeps."""

    def __init__(self, outcomes: list[str]) -> None:
        super().__init__()
        self.outcomes = outcomes

    def send(self, outgoing: Outgoing) -> SentPost:
        outcome = self.outcomes.pop(0) if self.outcomes else "taken"
        if outcome in {"taken", "taken, no answer", "taken, died"}:
            self.published.append(outgoing)
        if outcome.endswith("died"):
            raise KeyboardInterrupt
        if outcome.endswith("no answer"):
            raise SendUnknownError("time-out")
        if outcome == "later":
            raise SendLaterError("busy", retry_after_seconds=60)
        if outcome == "refused":
            raise SendRefusedError("no")
        return self._sent(outgoing)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        outcome = self.outcomes.pop(0) if self.outcomes else "found"
        if outcome == "later":
            raise SendLaterError("busy", retry_after_seconds=60)
        if outcome.endswith("died"):
            raise KeyboardInterrupt
        return super().find(outgoing)


@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(
            ["taken", "taken, no answer", "taken, died", "no answer", "died", "later", "refused"]
        ),
        max_size=7,
    )
)
def test_law_whatever_happens_a_reply_is_public_once_or_said_to_have_failed(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[str]
) -> None:
    desk = Desk(tmp_path_factory.mktemp("outbox") / "desk.db")
    desk.take(post("1"))
    desk.approve(now=NOON)
    sender = Unreliable(list(outcomes))
    public = 0
    for minute in range(1, 60, 4):
        with contextlib.suppress(KeyboardInterrupt):
            public += outbox.send_due(desk.store, {"bluesky": sender}, after(minute))
    assert len(sender.published) <= 1
    if sender.published:
        assert (desk.reply().state, public) == (ReplyState.SENT, 1)
        assert desk.case().state is CaseState.WAITING
    else:
        assert (desk.reply().state, public) == (ReplyState.FAILED, 0)
        assert len(failures(desk)) == 1
        assert load(desk.store, ONE, "mia").draft == "We are sorry"
    desk.store.close()
