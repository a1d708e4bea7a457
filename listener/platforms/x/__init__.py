"""X, by its API v2 through tweepy: mentions, the own timeline, recent search, and replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from desk.model.query import parse
from desk.ports import Now, Source
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.values import Listening

if TYPE_CHECKING:
    from listener.platforms.x.source import XAccount, XCredentials, XFeed

_TO_REPLY = ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
_TO_READ = ("BEARER_TOKEN",)
_QUERY_LIMIT = 512
"""Characters of a recent search ("Search Posts", recent)."""
_NO_COPIES = " -is:retweet"


class XSettings(SourceSettings):
    """One brand's account on X."""

    type: Literal["x"]
    name: str = "x"
    handle: str
    """The account's handle, without @."""
    user_id: str | None = None
    """The account's numeric id; looked up where it is missing."""
    listen: Listening | None = None
    """What to search for, in the listening language; else only mentions and the own timeline are read."""
    base_url: str | None = None
    """Another address of the API, for tests and proxies."""


def _connect(sources: Sequence[XSettings], secrets: Secrets, now: Now) -> Connected:
    from listener.platforms.x.api import DEFAULT_BASE_URL  # noqa: PLC0415
    from listener.platforms.x.source import XSender  # noqa: PLC0415

    feeds: list[Feed] = []
    writing: dict[XAccount, XCredentials] = {}
    for settings in sources:
        account, credentials = _account(settings, secrets)
        feeds += [Feed(source) for source in _sources(settings, account, credentials, now)]
        if credentials.user_context:
            writing[account] = credentials
    if not writing:
        return Connected(feeds)
    base_url = next((s.base_url for s in sources if s.base_url), DEFAULT_BASE_URL)
    return Connected(feeds, {"x": XSender(writing, now=now, base_url=base_url)})


def _sources(settings: XSettings, account: XAccount, credentials: XCredentials, now: Now) -> list[Source]:
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.x.api import DEFAULT_BASE_URL  # noqa: PLC0415
    from listener.platforms.x.source import XFeed, XSource  # noqa: PLC0415
    from listener.queries.x import to_x  # noqa: PLC0415

    def feed(kind: XFeed, query: str = "") -> Source:
        return XSource(
            account,
            credentials,
            feed=kind,
            now=now,
            query=query,
            name=f"{settings.name}:{kind}",
            interval_seconds=settings.interval.total_seconds(),
            base_url=settings.base_url or DEFAULT_BASE_URL,
        )

    feeds = [feed(XFeed.MENTIONS), feed(XFeed.OWN)]
    if settings.listen is not None:
        wanted = parse(settings.listen)
        search = to_x(wanted, limit=_QUERY_LIMIT - len(_NO_COPIES))
        feeds.append(NarrowedSource(feed(XFeed.SEARCH, search.text + _NO_COPIES), wanted))
    return feeds


def _account(settings: XSettings, secrets: Secrets) -> tuple[XAccount, XCredentials]:
    from listener.platforms.x.source import XAccount, XCredentials  # noqa: PLC0415

    known = {name.lower(): secrets(settings, name) for name in (*_TO_READ, *_TO_REPLY)}
    return XAccount(settings.brand, settings.handle, settings.user_id), XCredentials(**known)


PLATFORM = Platform(
    title="X",
    settings=XSettings,
    connect=_connect,
    asks=(
        "A developer account and pay-per-use credit: $0.005 a post read, $0.001 an own mention, $0.010 a "
        "reply (prices of 2026). Only who addressed you can be answered."
    ),
    steps=(
        "Make a project and an app at developer.x.com, with read and write permission.",
        "Copy the app's bearer token, its consumer keys and your account's access token.",
    ),
    reads_with=(_TO_READ, _TO_REPLY),
    replies_with=_TO_REPLY,
)
