"""Reads a Mastodon source to its end; shared by the tests of sources."""

from __future__ import annotations

from typing import Any

from desk.model.mention import Mention
from desk.ports import Batch, Source
from listener.platforms.mastodon.source import MastodonFeed, MastodonSource
from tests.fakes.loopback import PATIENCE_SECONDS
from tests.fakes.mastodon_api import FakeMastodon

MENTIONS, HASHTAG, SEARCH, OWN = (
    MastodonFeed.MENTIONS,
    MastodonFeed.HASHTAG,
    MastodonFeed.SEARCH,
    MastodonFeed.OWN,
)


def peopled(fake: FakeMastodon) -> FakeMastodon:
    """The brand, a customer from another server, and a local one."""
    fake.add_account("10", "fernway", me=True)
    fake.add_account("20", "ana@far.example")
    fake.add_account("30", "ben")
    return fake


def source_of(fake: FakeMastodon, feed: MastodonFeed = MENTIONS, **settings: Any) -> MastodonSource:
    topic = {HASHTAG: "fern", SEARCH: "broke"}.get(feed, "")
    defaults: dict[str, Any] = {
        "query": topic,
        "now": fake.clock,
        "page_size": 10,
        "timeout_seconds": PATIENCE_SECONDS,
    }
    return MastodonSource(settings.pop("account", fake.account()), feed=feed, **(defaults | settings))


def drain(source: Source, cursor: str | None = None) -> list[Batch]:
    """Fetch until there is no more."""
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
        assert len(batches) < 100, "the source never comes to an end"
    return batches


def mentions(batches: list[Batch]) -> list[Mention]:
    return [mention for batch in batches for mention in batch.mentions]


def ids(batches: list[Batch]) -> list[str]:
    """The server's own ids, in the order in which they came."""
    return [mention.external_id.partition("@")[0] for mention in mentions(batches)]


def only(batches: list[Batch]) -> Mention:
    [mention] = mentions(batches)
    return mention
