"""Replies to posts on Mastodon, and who sends them; shared by the tests of sending and reading back."""

from __future__ import annotations

from typing import Any

from desk.errors import SendLaterError
from desk.model.reply import Outgoing, ReplyId, SentPost
from listener.platforms.mastodon.source import MastodonSender
from tests.fakes.clock import START
from tests.fakes.loopback import PATIENCE_SECONDS
from tests.fakes.mastodon_api import FakeMastodon

TEXT = "Sorry! See https://fernway.example/help or fernway.com/status."


def sender_of(fake: FakeMastodon, **settings: Any) -> MastodonSender:
    defaults: dict[str, Any] = {"now": fake.clock, "timeout_seconds": PATIENCE_SECONDS}
    return MastodonSender(settings.pop("accounts", [fake.account()]), **(defaults | settings))


def outgoing(fake: FakeMastodon, post: str, text: str = TEXT, handle: str = "ana@far.example") -> Outgoing:
    external = f"{post}@127.0.0.1:{fake.port}"
    return Outgoing(ReplyId(1), "fernway", external, external, handle, text, START)


def settled(fake: FakeMastodon, sender: MastodonSender, reply: Outgoing) -> SentPost | None:
    """Look until the sender is sure, as the outbox does."""
    for _ in range(5):
        try:
            return sender.find(reply)
        except SendLaterError as later:
            fake.clock.advance(later.retry_after_seconds + 1)
    raise AssertionError("the sender is never sure")
