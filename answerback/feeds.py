"""From the [[sources]] of a config to what reads and answers on each platform.

A platform's library is imported where the platform is configured, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from answerback import clock
from answerback.config import MastodonSettings, ReplaySettings, SourceSettings, XSettings
from answerback.secrets import MASTODON_SECRET, X_SECRETS, optional, required, source_variable
from desk.model.query import parse
from desk.ports import ReplySender, Source

if TYPE_CHECKING:
    from listener.mastodon import MastodonAccount
    from listener.x import XAccount, XCredentials

_X_QUERY_LIMIT = 512
"""Characters of a recent search ("Search Posts", recent)."""
_X_NO_COPIES = " -is:retweet"


def make_feeds(settings: Sequence[SourceSettings]) -> tuple[list[Source], dict[str, ReplySender]]:
    """All sources, and the senders that answer on them, by platform."""
    feeds: list[Source] = []
    senders: dict[str, ReplySender] = {}
    for source in settings:
        match source:
            case ReplaySettings():
                feed, replying = _replay(source)
                feeds.append(feed)
                senders |= replying
            case XSettings():
                feeds += _x_feeds(source)
            case MastodonSettings():
                feeds += _mastodon_feeds(source)
    senders |= _x_sender([source for source in settings if isinstance(source, XSettings)])
    senders |= _mastodon_sender([source for source in settings if isinstance(source, MastodonSettings)])
    return feeds, senders


def _replay(settings: ReplaySettings) -> tuple[Source, dict[str, ReplySender]]:
    from listener.replay import ReplaySource, sources_in  # noqa: PLC0415
    from listener.replay_stage import ReplaySender, ReplayStage  # noqa: PLC0415

    stage = ReplayStage()
    source = ReplaySource(
        settings.path,
        name=settings.name,
        speed=settings.speed,
        rebase=True,
        live_from=settings.live_from,
        now=clock.now,
        stage=stage,
    )
    return source, {key: ReplaySender(key, stage, clock.now) for key in sources_in(settings.path)}


def _x_feeds(settings: XSettings) -> list[Source]:
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.queries import to_x  # noqa: PLC0415
    from listener.x import XFeed, XSource  # noqa: PLC0415
    from listener.x_api import DEFAULT_BASE_URL  # noqa: PLC0415

    account, credentials = _x_account(settings)

    def feed(kind: XFeed, query: str = "") -> Source:
        return XSource(
            account,
            credentials,
            feed=kind,
            now=clock.now,
            query=query,
            name=f"{settings.name}:{kind}",
            interval_seconds=settings.interval.total_seconds(),
            base_url=settings.base_url or DEFAULT_BASE_URL,
        )

    feeds = [feed(XFeed.MENTIONS), feed(XFeed.OWN)]
    if settings.listen is not None:
        wanted = parse(settings.listen)
        search = to_x(wanted, limit=_X_QUERY_LIMIT - len(_X_NO_COPIES))
        feeds.append(NarrowedSource(feed(XFeed.SEARCH, search.text + _X_NO_COPIES), wanted))
    return feeds


def _x_sender(accounts: Sequence[XSettings]) -> dict[str, ReplySender]:
    """One sender for all accounts that have the keys to write; none where no account has them."""
    if not accounts:
        return {}
    from listener.x import XSender  # noqa: PLC0415
    from listener.x_api import DEFAULT_BASE_URL  # noqa: PLC0415

    writing = [_x_account(settings) for settings in accounts]
    able = {account: credentials for account, credentials in writing if credentials.user_context}
    if not able:
        return {}
    base_url = next((s.base_url for s in accounts if s.base_url), DEFAULT_BASE_URL)
    return {"x": XSender(able, now=clock.now, base_url=base_url)}


def _x_account(settings: XSettings) -> tuple[XAccount, XCredentials]:
    from listener.x import XAccount, XCredentials  # noqa: PLC0415

    secrets = {name.lower(): optional(source_variable(settings, name)) for name in X_SECRETS}
    if not any(secrets.values()):
        required(source_variable(settings, X_SECRETS[0]), f"reading the X source {settings.name}")
    return XAccount(settings.brand, settings.handle, settings.user_id), XCredentials(**secrets)


def _mastodon_feeds(settings: MastodonSettings) -> list[Source]:
    from listener.mastodon import MastodonFeed, MastodonSource  # noqa: PLC0415
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.queries import to_mastodon  # noqa: PLC0415

    account = _mastodon_account(settings)

    def feed(kind: MastodonFeed, query: str = "") -> Source:
        return MastodonSource(
            account,
            feed=kind,
            query=query,
            now=clock.now,
            name=":".join((settings.name, kind, *([query] if query else ()))),
            interval_seconds=settings.interval.total_seconds(),
        )

    feeds = [feed(MastodonFeed.MENTIONS), feed(MastodonFeed.OWN)]
    feeds += [feed(MastodonFeed.HASHTAG, hashtag) for hashtag in settings.hashtags]
    if settings.listen is not None:
        wanted = parse(settings.listen)
        for term in to_mastodon(wanted):
            kind = MastodonFeed.HASHTAG if term.startswith("#") else MastodonFeed.SEARCH
            feeds.append(NarrowedSource(feed(kind, term.removeprefix("#")), wanted))
    return feeds


def _mastodon_sender(accounts: Sequence[MastodonSettings]) -> dict[str, ReplySender]:
    """One sender for all accounts: it knows by a post's id which of them can reach it."""
    if not accounts:
        return {}
    from listener.mastodon import MastodonSender  # noqa: PLC0415

    return {"mastodon": MastodonSender([_mastodon_account(each) for each in accounts], now=clock.now)}


def _mastodon_account(settings: MastodonSettings) -> MastodonAccount:
    from listener.mastodon import MastodonAccount  # noqa: PLC0415

    token = required(source_variable(settings, MASTODON_SECRET), f"the Mastodon source {settings.name}")
    return MastodonAccount(
        settings.brand, settings.server, token, settings.account, public_replies=settings.public_replies
    )
