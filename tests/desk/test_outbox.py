"""Replies on their way out: sent once, timed as they were public, and held back when they are overtaken."""

from __future__ import annotations

import threading

from desk import casework, outbox
from desk.model.case import CaseState
from desk.model.reply import Outgoing, ReplyState, SentPost
from desk.model.sla import Clock
from desk.store import Store
from desk.store.case_view import load
from tests.desk.replying import ONE, failures, send
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post


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


def test_who_answers_and_puts_the_case_away_at_once_has_answered_it(case: Desk) -> None:
    case.approve(now=after(9))
    casework.resolve(case.store, ONE, agent="mia", now=after(9.05))
    sender = FakeSender()
    sender.clock = after(10)
    assert send(case, sender, 10) == 1
    assert failures(case) == []
    assert case.span(Clock.FIRST_RESPONSE).stopped_at == after(10)
    assert (case.case().state, case.case().unanswered) == (CaseState.RESOLVED, 0)


def test_a_case_put_away_by_a_colleague_after_its_agent_is_not_answered(case: Desk) -> None:
    case.approve(now=after(9))
    casework.resolve(case.store, ONE, agent="mia", now=after(9.01))
    casework.reopen(case.store, ONE, agent="leo", now=after(9.02))
    casework.dismiss(case.store, ONE, agent="leo", reason="noise", now=after(9.03))
    assert send(case, FakeSender(), 10) == 0
    assert failures(case) == ["The case was dismissed meanwhile; nothing was sent."]


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
