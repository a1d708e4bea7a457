"""X, by its API v2 through tweepy: mentions, own posts, search, stream, direct messages, and replies."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from desk.errors import InputError
from desk.model.query import parse
from desk.model.spending import Budget
from desk.ports import Ledger, Now, Source
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.platforms.x.prices import Dollars, XPrices
from listener.values import Listening, Target

if TYPE_CHECKING:
    from listener.platforms.x.meter import Meter
    from listener.platforms.x.source import XAccount, XCredentials, XFeed
    from listener.platforms.x.stream import XStream

_TO_REPLY = ("CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
_TO_READ = ("BEARER_TOKEN",)
_QUERY_LIMIT = 512
"""Characters of a recent search ("Search Posts", recent)."""
_RULE_LIMIT = 1_024
"""Characters of a rule ("Filtered stream")."""
_NO_COPIES = " -is:retweet"
_BESIDE_A_STREAM = timedelta(minutes=15)


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
    stream: bool = False
    """Learn of what `listen` finds within a minute, by the filtered stream."""
    search_interval: Target | None = None
    """How often to search; else as often as the rest, and every 15 minutes beside a stream."""
    direct_messages: bool = False
    """Read and answer them, too."""
    deletion_looks_per_day: Annotated[int, Field(ge=0)] = 500
    """Held posts to look up in a day, to erase here what is deleted there; each costs a post read."""
    monthly_budget_usd: Dollars | None = None
    """What X may cost in a calendar month (UTC); reading stops before it costs more."""
    monthly_reads: Annotated[int, Field(ge=0)] | None = None
    """Posts and direct messages to read in a month."""
    replies_over_budget: bool = True
    """Send approved replies when reading has stopped. They are counted, so a month can cost more."""
    owned_reads: bool = False
    """The app belongs to this account: X charges less for its own mentions and posts."""
    bill_included: bool = True
    """Count the authors and posts that a page brings along: X's pages do not say that they are free."""
    prices: XPrices = XPrices()
    base_url: str | None = None
    """Another address of the API, for tests and proxies."""


@dataclass(frozen=True, slots=True)
class _Account:
    """One [[sources]] with everything that its parts share."""

    settings: XSettings
    account: XAccount
    credentials: XCredentials
    meter: Meter | None
    now: Now
    base_url: str


def _connect(
    sources: Sequence[XSettings], secrets: Secrets, now: Now, ledger: Ledger | None = None
) -> Connected:
    """Without a ledger nothing is counted, and a budget is refused."""
    from listener.platforms.x.recheck import XDeletionCheck  # noqa: PLC0415
    from listener.platforms.x.source import XSender  # noqa: PLC0415

    accounts = [_account(settings, secrets, now, ledger) for settings in sources]
    streams = _streams(accounts)
    feeds = [feed for each in accounts for feed in _feeds(each, streams.get(each.settings.name))]
    if not accounts:
        return Connected()
    base_url = next((s.settings.base_url for s in accounts if s.settings.base_url), accounts[0].base_url)
    meters = {each.account.brand: each.meter for each in accounts if each.meter is not None}
    looks = sum(settings.deletion_looks_per_day for settings in sources)
    check = XDeletionCheck(
        {each.account: each.credentials for each in accounts if each.settings.deletion_looks_per_day},
        now=now,
        posts_per_day=looks,
        base_url=base_url,
        meters=meters,
    )
    writing = {each.account: each.credentials for each in accounts if each.credentials.user_context}
    sender = XSender(
        writing,
        now=now,
        base_url=base_url,
        meters=meters,
        within_budget=[s.brand for s in sources if not s.replies_over_budget],
    )
    return Connected(feeds, {"x": sender} if writing else {}, [check] if looks else [])


def _account(settings: XSettings, secrets: Secrets, now: Now, ledger: Ledger | None) -> _Account:
    from listener.platforms.x.api import DEFAULT_BASE_URL  # noqa: PLC0415
    from listener.platforms.x.meter import Meter  # noqa: PLC0415
    from listener.platforms.x.source import XAccount, XCredentials  # noqa: PLC0415

    known = {name.lower(): secrets(settings, name) for name in (*_TO_READ, *_TO_REPLY)}
    credentials = XCredentials(**known)
    budget = _budget(settings)
    if ledger is None and budget.capped:
        raise InputError(f"Source {settings.name}: a monthly budget needs a store to count in.")
    if settings.direct_messages and not credentials.user_context:
        raise InputError(
            f"Source {settings.name}: direct messages need consumer key, consumer secret, access token and "
            "access token secret; set them in the environment, or direct_messages = false."
        )
    meter = None
    if ledger is not None:
        meter = Meter(
            budget,
            ledger=ledger,
            now=now,
            prices=settings.prices,
            feeds=2 + (settings.listen is not None) + settings.direct_messages,
            owned_reads=settings.owned_reads,
            bill_included=settings.bill_included,
        )
    return _Account(
        settings,
        XAccount(settings.brand, settings.handle, settings.user_id),
        credentials,
        meter,
        now,
        settings.base_url or DEFAULT_BASE_URL,
    )


def _streams(accounts: Iterable[_Account]) -> dict[str, XStream]:
    """The stream of each source that has one. X allows an app one connection, which all its sources share;
    what comes through it is counted for the first of them."""
    from listener.platforms.x.stream import XStream  # noqa: PLC0415

    by_app: dict[str, list[_Account]] = defaultdict(list)
    for each in accounts:
        if each.settings.stream:
            if each.settings.listen is None:
                raise InputError(f"Source {each.settings.name}: a stream needs something to `listen` for.")
            token = each.credentials.bearer_token
            by_app["" if token is None else token.get_secret_value()].append(each)
    made: dict[str, XStream] = {}
    for sharing in by_app.values():
        rules = {each.settings.name: _search(each.settings.listen or "", _RULE_LIMIT) for each in sharing}
        first = sharing[0]
        stream = XStream(
            first.credentials,
            rules,
            now=first.now,
            random=random.random,
            base_url=first.base_url,
            meter=first.meter,
        )
        made |= {each.settings.name: stream for each in sharing}
    return made


def _feeds(each: _Account, stream: XStream | None) -> list[Feed]:
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.x.messages import XMessages  # noqa: PLC0415
    from listener.platforms.x.source import XFeed, XSource  # noqa: PLC0415

    settings = each.settings

    def feed(kind: XFeed, interval: timedelta, query: str = "") -> Source:
        return XSource(
            each.account,
            each.credentials,
            feed=kind,
            now=each.now,
            query=query,
            name=f"{settings.name}:{kind}",
            interval_seconds=interval.total_seconds(),
            base_url=each.base_url,
            meter=each.meter,
        )

    feeds = [Feed(feed(kind, settings.interval)) for kind in (XFeed.MENTIONS, XFeed.OWN)]
    if settings.listen is not None:
        wanted = parse(settings.listen)
        usual = settings.interval if stream is None else max(settings.interval, _BESIDE_A_STREAM)
        interval = settings.search_interval or usual
        source = feed(XFeed.SEARCH, interval, _search(settings.listen, _QUERY_LIMIT))
        feeds.append(Feed(NarrowedSource(source, wanted), stream))
    if settings.direct_messages:
        messages = XMessages(
            each.account,
            each.credentials,
            now=each.now,
            name=f"{settings.name}:dms",
            interval_seconds=settings.interval.total_seconds(),
            base_url=each.base_url,
            meter=each.meter,
        )
        feeds.append(Feed(messages))
    return feeds


def _search(listen: str, limit: int) -> str:
    from listener.queries.x import to_x  # noqa: PLC0415

    return to_x(parse(listen), limit=limit - len(_NO_COPIES)).text + _NO_COPIES


def _budget(settings: XSettings) -> Budget:
    money = settings.monthly_budget_usd
    return Budget(
        settings.name,
        None if money is None else int(money * Decimal(1_000_000)),
        settings.monthly_reads,
    )


PLATFORM = Platform(
    title="X",
    settings=XSettings,
    connect=_connect,
    metered=_connect,
    budget=_budget,
    asks=(
        "A developer account and pay-per-use credit: $0.005 a post read, $0.001 an own mention, $0.010 a "
        "reply (prices of 2026). Only who addressed you can be answered."
    ),
    steps=(
        "Make a project and an app at developer.x.com, with read and write permission.",
        "Copy the app's bearer token, its consumer keys and your account's access token.",
        "Say what a month may cost: monthly_budget_usd.",
    ),
    reads_with=(_TO_READ, _TO_REPLY),
    replies_with=_TO_REPLY,
)
