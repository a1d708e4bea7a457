"""Mastodon, and whatever speaks its API: notifications, own posts, hashtags, search, and replies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from desk.model.query import Query, parse
from desk.ports import Now, Source
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.values import Listening

if TYPE_CHECKING:
    from listener.platforms.mastodon.source import MastodonAccount

_TOKEN = "ACCESS_TOKEN"  # noqa: S105  (the name of a variable, not its value)


class MastodonSettings(SourceSettings):
    """One brand's account on a server that speaks Mastodon's API."""

    type: Literal["mastodon"]
    name: str = "mastodon"
    server: str
    """Address of the server: "https://social.example"."""
    account: str | None = None
    """The account's name, without @; where it is given, a token of another account is refused."""
    hashtags: tuple[str, ...] = ()
    listen: Listening | None = None
    """What else to search for, in the listening language; many servers search little or nothing."""
    public_replies: bool = False
    """Answer public posts in public instead of unlisted."""


def _connect(sources: Sequence[MastodonSettings], secrets: Secrets, now: Now) -> Connected:
    from listener.platforms.mastodon.source import MastodonSender  # noqa: PLC0415

    accounts = [(settings, _account(settings, secrets)) for settings in sources]
    feeds = [feed for each in accounts for feed in _feeds(*each, now)]
    # One sender for all accounts: it knows by a post's id which of them can reach it.
    sender = MastodonSender([account for _, account in accounts], now=now)
    return Connected(feeds, {"mastodon": sender})


def _feeds(settings: MastodonSettings, account: MastodonAccount, now: Now) -> list[Feed]:
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.mastodon.source import (  # noqa: PLC0415
        MastodonFeed,
        MastodonSource,
        MastodonStream,
    )
    from listener.queries.keywords import to_mastodon  # noqa: PLC0415

    def stream(hashtag: str | None = None) -> MastodonStream:
        return MastodonStream(account, now=now, random=random.random, hashtag=hashtag)

    def feed(kind: MastodonFeed, query: str = "", news: MastodonStream | None = None) -> MastodonSource:
        return MastodonSource(
            account,
            feed=kind,
            query=query,
            now=now,
            name=":".join((settings.name, kind, *([query] if query else ()))),
            interval_seconds=settings.interval.total_seconds(),
            stream=news,
        )

    def hashtag(tag: str, wanted: Query | None = None) -> Feed:
        news = stream(tag)
        source: Source = feed(MastodonFeed.HASHTAG, tag, news)
        return Feed(source if wanted is None else NarrowedSource(source, wanted), news)

    own = stream()
    feeds = [Feed(feed(kind, news=own), own) for kind in (MastodonFeed.MENTIONS, MastodonFeed.OWN)]
    feeds += [hashtag(tag) for tag in settings.hashtags]
    if settings.listen is not None:
        wanted = parse(settings.listen)
        for term in to_mastodon(wanted):
            if term.startswith("#"):
                feeds.append(hashtag(term.removeprefix("#"), wanted))
            else:
                feeds.append(Feed(NarrowedSource(feed(MastodonFeed.SEARCH, term), wanted)))
    return feeds


def _account(settings: MastodonSettings, secrets: Secrets) -> MastodonAccount:
    from listener.platforms.mastodon.source import MastodonAccount  # noqa: PLC0415

    token = secrets(settings, _TOKEN)
    assert token is not None, "reads_with says so"  # noqa: S101
    return MastodonAccount(
        settings.brand, settings.server, token, settings.account, public_replies=settings.public_replies
    )


PLATFORM = Platform(
    title="Mastodon",
    settings=MastodonSettings,
    connect=_connect,
    asks="An account on any server, and that server's rules for automated accounts. It costs nothing.",
    steps=(
        "On your server, under Preferences, Development: make an application with the scopes read and "
        "write:statuses, and copy its access token.",
    ),
    reads_with=((_TOKEN,),),
    replies_with=(_TOKEN,),
)
