"""One's own reply, coming back through the source: it is credited once, to who wrote it."""

from __future__ import annotations

import pytest

from desk import outbox
from desk.errors import SendUnknownError
from desk.model.event import SYSTEM, EventKind
from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyState, SentPost
from desk.model.sla import Clock
from tests.kernel import Desk, FakeSender, after, brand_post, post


def own_post(desk: Desk, text: str = "We are sorry", *, external_id: str = "out-1") -> Mention:
    return brand_post(external_id, text, after(10), reply_to="1")


def credited(desk: Desk) -> list[tuple[str, object]]:
    return [(e.actor, e.data["reply"]) for e in desk.log() if e.kind is EventKind.BRAND_REPLIED]


def test_ones_own_reply_comes_back_after_it_was_settled(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(10))
    before = desk.case()
    desk.take(own_post(desk), now=after(11))
    desk.take(own_post(desk), now=after(12))
    assert desk.case() == before
    assert credited(desk) == [("mia", 1)]


@pytest.mark.parametrize("published", ["We are sorry", "@anna We are sorry"])
def test_ones_own_reply_comes_back_before_the_sender_reports(desk: Desk, published: str) -> None:
    """Between the platform's publishing and the sender's answer the source brings the post."""

    class Slow(FakeSender):
        def send(self, outgoing: Outgoing) -> SentPost:
            sent = super().send(outgoing)
            desk.take(own_post(desk, published), now=after(10))
            return sent

    desk.take(post("1"))
    desk.approve(now=after(9))
    outbox.send_due(desk.store, {"bluesky": Slow()}, after(10))
    assert credited(desk) == [("mia", 1)]
    assert desk.reply().state is ReplyState.SENT
    assert desk.span(Clock.FIRST_RESPONSE).answered_by == "mia"


def test_ones_own_reply_settles_an_unknown_outcome(desk: Desk) -> None:
    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    outbox.send_due(desk.store, {"bluesky": sender}, after(10))
    assert desk.reply().state is ReplyState.UNCONFIRMED
    desk.take(own_post(desk), now=after(10.1))
    assert (desk.reply().state, desk.reply().external_id) == (ReplyState.SENT, "out-1")
    assert outbox.send_due(desk.store, {"bluesky": sender}, after(60)) == 0
    assert len(sender.attempts) == 1
    assert credited(desk) == [("mia", 1)]


def test_another_reply_to_the_same_post_is_not_taken_for_ones_own(desk: Desk) -> None:
    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    outbox.send_due(desk.store, {"bluesky": sender}, after(10))
    desk.take(own_post(desk, "A colleague writes in the app", external_id="native"), now=after(10.1))
    assert desk.reply().state is ReplyState.UNCONFIRMED
    assert credited(desk) == [(SYSTEM, None)]
