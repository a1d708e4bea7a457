"""Replies on their way out: approved by a person, sent once, and never twice."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import casework, outbox
from desk.errors import (
    ConflictError,
    NotAllowedError,
    SendLaterError,
    SendRefusedError,
    SendUnknownError,
)
from desk.model.case import CaseId, CaseState
from desk.model.event import EventKind
from desk.model.mention import Replyable
from desk.model.reply import Outgoing, ReplyState, SentPost
from desk.model.sla import Clock
from desk.store import Store
from desk.store.case_view import load
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post

ONE = CaseId(1)
READ_BACK = after(30)
"""Well after an unknown outcome at minute 10 may be read back."""


@pytest.fixture
def case(desk: Desk) -> Desk:
    desk.take(post("1"))
    return desk


def send(desk: Desk, sender: FakeSender, minute: float) -> int:
    return outbox.send_due(desk.store, {sender.source: sender}, after(minute))


def failures(desk: Desk) -> list[str]:
    return [event.data["error"] for event in desk.log() if event.kind is EventKind.REPLY_FAILED]


def test_the_good_way(case: Desk) -> None:
    sender = FakeSender()
    reply = case.approve(" We are sorry ", now=after(10))
    assert (reply.state, reply.text, reply.agent) == (ReplyState.APPROVED, "We are sorry", "mia")
    assert case.case().assignee == "mia", "who answers a case that belongs to nobody claims it"
    assert case.span(Clock.FIRST_RESPONSE).stopped_at is None, "approved is not answered"
    assert send(case, sender, 10.05) == 0, "its agent may still think again"
    sender.clock = after(10.1)
    assert send(case, sender, 10.1) == 1
    assert sender.published == [
        Outgoing(reply.id, "fernway", "1", "t1", "anna", "We are sorry", after(10)),
    ]
    sent = case.reply()
    assert (sent.state, sent.external_id, sent.attempts) == (ReplyState.SENT, "out-1", 1)
    span = case.span(Clock.FIRST_RESPONSE)
    assert (span.stopped_at, span.answered_by) == (sent.sent_at, "mia")
    assert case.case().state is CaseState.WAITING
    assert [p.mention.text for p in load(case.store, ONE, "mia").posts][-1] == "We are sorry"
    assert send(case, sender, 60) == 0
    assert len(sender.attempts) == 1


def test_a_clock_stops_at_the_platforms_time(case: Desk) -> None:
    sender = FakeSender()
    sender.clock = after(10)
    case.approve(now=after(9))
    send(case, sender, 11)
    assert case.span(Clock.FIRST_RESPONSE).stopped_at == after(10)


def test_a_platform_time_in_the_future_is_not_believed(case: Desk) -> None:
    """Case 33: a platform whose clock runs ahead must not make an answer in time a breach."""
    sender = FakeSender()
    sender.clock = after(600)
    case.approve(now=after(9))
    send(case, sender, 10)
    assert case.span(Clock.FIRST_RESPONSE).stopped_at == after(10)
    assert case.span(Clock.FIRST_RESPONSE).breached_at(after(700)) is None


def test_a_platform_time_before_the_question_is_not_believed(case: Desk) -> None:
    """Case 33: a platform whose clock runs behind must not make an answer out of nothing."""
    sender = FakeSender()
    sender.clock = after(-5)
    case.approve(now=after(0.01))
    send(case, sender, 1)
    assert case.span(Clock.FIRST_RESPONSE).stopped_at == NOON
    assert (case.case().state, case.case().unanswered) == (CaseState.WAITING, 0)


def test_two_senders_at_once_publish_once(case: Desk) -> None:
    for number in range(2, 12):
        case.take(post(str(number), thread=f"t{number}", by=f"u{number}"))
        case.approve(now=NOON, case=number)
    lock, published = threading.Lock(), []
    start = threading.Barrier(3)

    class Shared(FakeSender):
        def send(self, outgoing: Outgoing) -> SentPost:
            with lock:
                published.append(outgoing.reply_id)
            return super().send(outgoing)

    def work(store: Store) -> None:
        start.wait()
        for _ in range(10):  # a pass sends a few
            outbox.send_due(store, {"bluesky": Shared()}, after(1))

    stores = [Store(case.store.path) for _ in range(3)]
    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(published) == list(range(1, 11))
    for number in range(1, 11):
        assert case.reply(number).state is ReplyState.SENT
    for store in stores:
        store.close()


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


def test_a_process_without_the_platforms_account_leaves_the_reply_to_one_that_has_it(case: Desk) -> None:
    case.approve(now=after(9))
    assert outbox.send_due(case.store, {"x": FakeSender()}, after(10)) == 0
    assert case.reply().state is ReplyState.APPROVED
    assert outbox.send_due(case.store, {"bluesky": FakeSender()}, after(11)) == 1


def test_a_reply_is_not_sent_after_the_customer_was_answered_natively(case: Desk) -> None:
    case.approve(now=after(9))
    case.take(brand_post("n1", "We answered in the app", at=after(10), reply_to="1"))
    sender = FakeSender()
    assert outbox.send_due(case.store, {"bluesky": sender}, after(11)) == 0
    assert case.reply().state is ReplyState.FAILED
    assert failures(case) == ["The customer was answered meanwhile; nothing was sent."]


def test_a_reply_is_not_sent_after_the_case_was_closed(case: Desk) -> None:
    case.approve(now=after(9))
    casework.resolve(case.store, case.case().id, agent="leo", now=after(10))
    assert outbox.send_due(case.store, {"bluesky": FakeSender()}, after(11)) == 0
    assert failures(case) == ["The case was resolved meanwhile; nothing was sent."]


def test_nobody_answers_or_closes_over_a_post_that_they_have_not_seen(case: Desk) -> None:
    seen = case.case().version
    case.take(post("2", "My kitchen is on fire", after(5), reply_to="1"))
    for act in (
        lambda: outbox.approve(case.store, case.case().id, agent="mia", text="Hi", now=after(6), seen=seen),
        lambda: casework.resolve(case.store, case.case().id, agent="mia", now=after(6), seen=seen),
        lambda: casework.dismiss(
            case.store, case.case().id, agent="mia", reason="x", now=after(6), seen=seen
        ),
        lambda: casework.snooze(
            case.store, case.case().id, agent="mia", until=after(90), now=after(6), seen=seen
        ),
    ):
        with pytest.raises(ConflictError, match="wrote meanwhile"):
            act()
    casework.resolve(case.store, case.case().id, agent="mia", now=after(6), seen=case.case().version)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Bluesky would refuse this: The reply is empty."),
        ("  \n", "Bluesky would refuse this: The reply is empty."),
        ("a" * 301, "1 over Bluesky's limit of 300."),
    ],
)
def test_what_the_platform_would_refuse_is_not_approved(case: Desk, text: str, says: str) -> None:
    with pytest.raises(NotAllowedError, match=says):
        case.approve(text, now=after(1))
    assert load(case.store, ONE, "mia").replies == ()
    assert case.case().assignee is None


def test_where_the_terms_forbid_a_reply_none_is_approved(desk: Desk) -> None:
    desk.take(post("1", replyable=Replyable(False, "The author did not mention you.")))
    with pytest.raises(NotAllowedError, match=r"No reply possible: The author did not mention you\."):
        desk.approve(now=after(1))


@pytest.mark.parametrize("close", ["resolve", "dismiss"])
def test_a_closed_case_is_reopened_before_it_is_answered(case: Desk, close: str) -> None:
    if close == "resolve":
        casework.resolve(case.store, ONE, agent="mia", now=after(1))
    else:
        casework.dismiss(case.store, ONE, agent="mia", reason="noise", now=after(1))
    with pytest.raises(NotAllowedError, match="reopen it before you answer"):
        case.approve(now=after(2))


def test_a_second_agent_is_told_of_the_first(case: Desk) -> None:
    case.approve(now=after(1), agent="mia")
    with pytest.raises(ConflictError, match="A reply by mia to this case is on its way already"):
        case.approve(now=after(1), agent="leo")
    send(case, FakeSender(), 2)
    assert case.approve("One more thing", now=after(3), agent="leo").agent == "leo"


def test_a_deleted_post_cannot_be_answered(case: Desk) -> None:
    case.record(deleted=["bluesky:1"], now=after(1))
    with pytest.raises(NotAllowedError, match="deleted the post"):
        case.approve(now=after(2))


def test_a_post_that_is_only_a_picture_can_be_answered(desk: Desk) -> None:
    desk.take(post("1"), post("2", "", after(1)))
    assert desk.approve(now=after(2)).mention_id == "bluesky:2"


def test_a_post_that_is_deleted_before_its_reply_goes_out_is_not_answered(case: Desk) -> None:
    sender = FakeSender()
    case.approve(now=after(1))
    case.record(deleted=["bluesky:1"], now=after(1.05))
    assert send(case, sender, 2) == 0
    assert sender.attempts == []
    assert case.reply().state is ReplyState.FAILED
    assert "deleted" in failures(case)[0]


def test_a_customer_who_writes_meanwhile_waits_for_the_next_answer(case: Desk) -> None:
    """The reply was approved before the second post; on the platform it stands after it."""
    case.approve(now=after(9))
    case.take(post("2", "Hello?", after(9.5)))
    sender = FakeSender()
    sender.clock = after(10)
    send(case, sender, 10)
    assert sender.published[0].in_reply_to == "1"
    assert case.span(Clock.FIRST_RESPONSE).stopped_at == after(10)


def test_drafts_are_each_agents_own_and_empty_ones_are_forgotten(case: Desk) -> None:
    outbox.save_draft(case.store, ONE, agent="mia", text="Dear", now=after(1))
    outbox.save_draft(case.store, ONE, agent="leo", text="Hi", now=after(1))
    assert (load(case.store, ONE, "mia").draft, load(case.store, ONE, "leo").draft) == ("Dear", "Hi")
    outbox.save_draft(case.store, ONE, agent="mia", text="", now=after(2))
    assert (load(case.store, ONE, "mia").draft, load(case.store, ONE, "leo").draft) == ("", "Hi")
    case.approve(now=after(3), agent="mia")
    assert load(case.store, ONE, "leo").draft == "Hi"


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
