"""Reads an X source to its end; shared by the tests of its feeds."""

from __future__ import annotations

from typing import Any

from desk.model.mention import Mention
from desk.ports import Batch
from listener.platforms.x.source import XAccount, XFeed, XSource
from tests.fakes.x_api import KEYS, FakeX

ACCOUNT = XAccount("fernway", "Fernway", "10")


def source_of(x: FakeX, feed: XFeed = XFeed.MENTIONS, **settings: Any) -> XSource:
    defaults: dict[str, Any] = {"feed": feed, "now": x.clock, "base_url": x.url, "page_size": 10}
    account = settings.pop("account", ACCOUNT)
    return XSource(account, settings.pop("credentials", KEYS), **(defaults | settings))


def drain(source: XSource, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
    return batches


def mentions(batches: list[Batch]) -> list[Mention]:
    return [mention for batch in batches for mention in batch.mentions]


def only(batch: Batch) -> Mention:
    [mention] = batch.mentions
    return mention
