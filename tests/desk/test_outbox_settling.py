"""Replies of which nobody but a person can tell whether they are out."""

from __future__ import annotations

import threading

import pytest

from desk import casework, outbox
from desk.errors import ConflictError, NotFoundError, SendLaterError, SendUnknownError
from desk.model.case import CaseId, CaseState
from desk.model.event import SYSTEM, EventKind
from desk.model.reply import Outgoing, ReplyId, ReplyState, SentPost
from desk.model.sla import Clock
from desk.store import Store
from desk.store.case_view import load
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post

ONE = CaseId(1)
REPLY = ReplyId(1)


class Blind(FakeSender):
    """A platform that lets nobody look for what was published."""

    def find(self, outgoing: Outgoing) -> SentPost | None:
        raise SendLaterError("Only a look into the chat can tell.", retry_after_seconds=3600)


@pytest.fixture
def doubt(desk: Desk) -> Desk:
    """Mia's reply was attempted at minute 10, and nobody knows what became of it."""
    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = Blind("bluesky", SendUnknownError("time-out"))
    for minute in (10, 11, 300):
        outbox.send_due(desk.store, {"bluesky": sender}, after(minute))
    assert (desk.reply().state, len(sender.attempts)) == (ReplyState.UNCONFIRMED, 1)
    return desk


def settle(desk: Desk, *, out: bool, agent: str = "leo", minute: float = 310) -> None:
    outbox.settle(desk.store, REPLY, out=out, agent=agent, now=after(minute))


def told(desk: Desk) -> list[tuple[EventKind, str]]:
    """What the log says since the approval, and by whom."""
    return [(event.kind, event.actor) for event in desk.log()][-2:]


def answers(desk: Desk) -> list[tuple[str, object, object]]:
    replied = (event for event in desk.log() if event.kind is EventKind.BRAND_REPLIED)
    return [(event.actor, event.data["reply"], event.mention_id) for event in replied]


def test_what_is_out_is_sent_since_its_last_attempt(doubt: Desk) -> None:
    settle(doubt, out=True)
    reply = doubt.reply()
    assert (reply.state, reply.external_id, reply.sent_at) == (ReplyState.SENT, None, after(10))
    assert told(doubt) == [(EventKind.REPLY_SETTLED, "leo"), (EventKind.BRAND_REPLIED, "mia")]
    span = doubt.span(Clock.FIRST_RESPONSE)
    assert (span.stopped_at, span.answered_by) == (after(10), "mia")
    assert (doubt.case().state, doubt.case().unanswered) == (CaseState.WAITING, 0)
    sender = Blind()
    assert outbox.send_due(doubt.store, {"bluesky": sender}, after(9000)) == 0
    assert sender.attempts == []


def test_what_is_not_out_has_failed_and_can_be_approved_again(doubt: Desk) -> None:
    settle(doubt, out=False)
    assert (doubt.reply().state, doubt.reply().error) == (
        ReplyState.FAILED,
        "leo has looked, and it is not out.",
    )
    assert told(doubt) == [(EventKind.REPLY_SETTLED, "leo"), (EventKind.REPLY_FAILED, SYSTEM)]
    assert doubt.span(Clock.FIRST_RESPONSE).stopped_at is None
    assert [load(doubt.store, ONE, agent).draft for agent in ("mia", "leo")] == ["We are sorry"] * 2
    doubt.answer(FakeSender(), "We are sorry", now=after(311), agent="leo")
    assert doubt.span(Clock.FIRST_RESPONSE).answered_by == "leo"


def test_words_that_were_begun_meanwhile_stay(doubt: Desk) -> None:
    outbox.save_draft(doubt.store, ONE, agent="leo", text="Dear Anna", now=after(200))
    settle(doubt, out=False)
    assert load(doubt.store, ONE, "leo").draft == "Dear Anna"


@pytest.mark.parametrize(("out", "words"), [(True, "is out"), (False, "is not out")])
def test_the_second_to_say_is_told_of_the_first(doubt: Desk, *, out: bool, words: str) -> None:
    settle(doubt, out=out, agent="leo")
    log, reply = doubt.log(), doubt.reply()
    with pytest.raises(ConflictError, match=f"leo has already said that the reply {words}"):
        settle(doubt, out=not out, agent="ada")
    assert (doubt.log(), doubt.reply()) == (log, reply)


def test_of_two_who_say_at_once_one_wins(doubt: Desk) -> None:
    start, said = threading.Barrier(2), []

    def work(store: Store, agent: str, *, out: bool) -> None:
        start.wait()
        try:
            outbox.settle(store, REPLY, out=out, agent=agent, now=after(310))
        except ConflictError as error:
            said.append(str(error))

    stores = [Store(doubt.store.path) for _ in range(2)]
    threads = [
        threading.Thread(target=work, args=(store, agent), kwargs={"out": out})
        for store, agent, out in zip(stores, ("leo", "ada"), (True, False), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    (settled,) = [event for event in doubt.log() if event.kind is EventKind.REPLY_SETTLED]
    word = "out" if settled.data["out"] else "not out"
    assert said == [f"{settled.actor} has already said that the reply is {word}."]
    assert doubt.reply().state is (ReplyState.SENT if settled.data["out"] else ReplyState.FAILED)


@pytest.mark.parametrize(
    ("minutes", "script", "state", "says"),
    [
        ((), (), ReplyState.APPROVED, "on its way"),
        ((10,), (), ReplyState.SENT, "Bluesky shows it"),
        ((10, 30, 50, 70, 90), (SendUnknownError("?"),) * 9, ReplyState.FAILED, "certainly not out"),
    ],
)
def test_only_a_reply_in_doubt_is_settled(
    desk: Desk, minutes: tuple[int, ...], script: tuple[Exception, ...], state: ReplyState, says: str
) -> None:
    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = FakeSender("bluesky", *script)
    for minute in (*minutes, *(minute + 1 for minute in minutes)):
        outbox.send_due(desk.store, {"bluesky": sender}, after(minute))
    assert desk.reply().state is state
    with pytest.raises(ConflictError, match=says):
        settle(desk, out=True)
    assert desk.reply().state is state


def test_a_reply_that_was_taken_back_or_never_was_is_not_settled(desk: Desk) -> None:
    desk.take(post("1"))
    desk.approve(now=after(9))
    casework.undo(desk.store, ONE, agent="mia", now=after(9.05))
    with pytest.raises(ConflictError, match="taken back"):
        settle(desk, out=True)
    with pytest.raises(NotFoundError, match="no reply 7"):
        outbox.settle(desk.store, ReplyId(7), out=True, agent="leo", now=after(10))


def test_who_wants_to_answer_meanwhile_is_told_of_the_doubt(doubt: Desk) -> None:
    with pytest.raises(ConflictError, match="Nobody knows yet whether mia’s reply is out"):
        doubt.approve(now=after(305), agent="ada")


@pytest.mark.parametrize("out", [True, False])
def test_the_platforms_word_outweighs_a_persons(desk: Desk, *, out: bool) -> None:
    """A person answers while a sender that reads back has already found the reply."""

    class Interrupted(FakeSender):
        def find(self, outgoing: Outgoing) -> SentPost | None:
            outbox.settle(desk.store, outgoing.reply_id, out=out, agent="leo", now=after(30))
            return super().find(outgoing)

    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = Interrupted("bluesky", SendUnknownError("time-out"))
    sender.publish_before_failing, sender.clock = True, after(10.5)
    outbox.send_due(desk.store, {"bluesky": sender}, after(10))
    assert outbox.send_due(desk.store, {"bluesky": sender}, after(30)) == 1
    assert (desk.reply().state, desk.reply().external_id) == (ReplyState.SENT, "out-1")
    assert answers(desk)[-1] == ("mia", 1, "bluesky:out-1")
    assert desk.span(Clock.FIRST_RESPONSE).stopped_at == after(10.5)
    assert outbox.send_due(desk.store, {"bluesky": sender}, after(9000)) == 0
    assert len(sender.attempts) == 1


@pytest.mark.parametrize("out", [True, False])
def test_a_person_is_before_a_sender_that_found_nothing(desk: Desk, *, out: bool) -> None:
    """The sender would send once more; what the person has said stands, and nothing is sent."""

    class Interrupted(FakeSender):
        def find(self, outgoing: Outgoing) -> SentPost | None:
            outbox.settle(desk.store, outgoing.reply_id, out=out, agent="leo", now=after(30))
            return None

    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = Interrupted("bluesky", SendUnknownError("time-out"))
    for minute in (10, 30, 60, 90):
        outbox.send_due(desk.store, {"bluesky": sender}, after(minute))
    assert desk.reply().state is (ReplyState.SENT if out else ReplyState.FAILED)
    assert len(sender.attempts) == 1


def test_its_post_is_recognised_when_the_platform_shows_it_later(doubt: Desk) -> None:
    settle(doubt, out=True)
    own = brand_post("777", "@anna We are sorry", after(10.2), reply_to="1")
    for minute in (320, 330):
        doubt.take(own, now=after(minute))
    assert (doubt.reply().external_id, doubt.reply().sent_at) == ("777", after(10.2))
    span = doubt.span(Clock.FIRST_RESPONSE)
    assert (span.stopped_at, span.answered_by) == (after(10.2), "mia"), "the platform's own time, once"
    assert answers(doubt) == [("mia", 1, None), ("mia", 1, "bluesky:777")]
    effective = [event for event in load(doubt.store, ONE, "mia").events if event.kind == "brand_replied"]
    assert [event.mention_id for event in effective] == ["bluesky:777"], "the person's word no longer counts"
    assert doubt.case_ids() == [1]


def test_a_recognised_post_that_the_brand_deletes_answers_nobody(doubt: Desk) -> None:
    settle(doubt, out=True)
    doubt.take(brand_post("777", "We are sorry", after(10.2), reply_to="1"), now=after(320))
    doubt.record(deleted=["bluesky:777"], now=after(330))
    assert doubt.span(Clock.FIRST_RESPONSE).stopped_at is None


def test_a_post_with_other_words_is_another_answer(doubt: Desk) -> None:
    settle(doubt, out=True)
    doubt.take(brand_post("888", "And call us", after(12), reply_to="1"), now=after(320))
    assert doubt.reply().external_id is None
    assert answers(doubt) == [("mia", 1, None), (SYSTEM, None, "bluesky:888")]
    assert doubt.span(Clock.FIRST_RESPONSE).answered_by == "mia"


def test_the_late_post_of_a_settled_reply_does_not_stop_the_next_one(doubt: Desk) -> None:
    settle(doubt, out=True)
    doubt.approve("And here is your refund", now=after(315))
    doubt.take(brand_post("777", "We are sorry", after(10.2), reply_to="1"), now=after(315.05))
    assert outbox.send_due(doubt.store, {"bluesky": FakeSender()}, after(316)) == 1


def test_of_two_replies_in_the_same_words_the_one_before_the_post_is_meant(doubt: Desk) -> None:
    settle(doubt, out=True)
    doubt.approve("We are sorry", now=after(315), agent="leo")
    outbox.send_due(doubt.store, {"bluesky": Blind("bluesky", SendUnknownError("?"))}, after(316))
    doubt.take(brand_post("777", "We are sorry", after(10.2), reply_to="1"), now=after(317))
    assert (doubt.reply(1).external_id, doubt.reply(2).state) == ("777", ReplyState.UNCONFIRMED)
    doubt.take(brand_post("778", "We are sorry", after(316.1), reply_to="1"), now=after(318))
    assert (doubt.reply(2).state, doubt.reply(2).external_id) == (ReplyState.SENT, "778")


def test_a_case_that_was_closed_in_doubt_stays_closed(doubt: Desk) -> None:
    casework.resolve(doubt.store, ONE, agent="mia", now=after(305))
    settle(doubt, out=True)
    assert doubt.case().state is CaseState.RESOLVED
    assert doubt.span(Clock.FIRST_RESPONSE).stopped_at == after(10)


def test_a_customer_who_wrote_after_the_attempt_still_waits(doubt: Desk) -> None:
    doubt.take(post("2", "Hello? Anybody?", after(200), reply_to="1"))
    settle(doubt, out=True)
    assert (doubt.case().unanswered, doubt.case().last_mention_id) == (1, "bluesky:2")
    assert doubt.span(Clock.FIRST_RESPONSE).stopped_at == after(10)
    assert doubt.span(Clock.NEXT_RESPONSE).started_at == after(200)


def test_a_clock_that_ran_backwards_makes_no_answer_before_its_question(desk: Desk) -> None:
    desk.take(post("1"))
    desk.approve(now=after(-3))
    outbox.send_due(desk.store, {"bluesky": Blind("bluesky", SendUnknownError("?"))}, after(-2))
    settle(desk, out=True)
    assert desk.span(Clock.FIRST_RESPONSE).stopped_at == NOON
