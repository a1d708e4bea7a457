"""Reddit: subreddits, searches and the account's inbox, and answers to posts and comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from desk.ports import Now, Source
from listener.platform import Connected, Platform, Secrets, SourceSettings
from listener.platform import Feed as PlatformFeed
from listener.values import Listening, Target

if TYPE_CHECKING:
    from listener.json_api import ApiClient
    from listener.platforms.reddit.posts import Feed

_TO_READ = ("CLIENT_ID", "CLIENT_SECRET")
_TO_REPLY = (*_TO_READ, "REFRESH_TOKEN")


class RedditSettings(SourceSettings):
    """One account of the brand, and where it listens."""

    type: Literal["reddit"]
    name: str = "reddit"
    account: str = Field(pattern=r"^[A-Za-z0-9_-]{3,20}$")
    """The account's name, without u/."""
    subreddits: tuple[str, ...] = ()
    """Names, without r/, of the subreddits whose posts and comments are all read."""
    interval: Target = timedelta(minutes=1)
    listen: Listening | None = None
    """What to search all of Reddit's posts for, and what to keep of the subreddits."""
    base_url: str = "https://oauth.reddit.com"
    token_url: str = "https://www.reddit.com/api/v1/access_token"  # noqa: S105  (an address)
    timeout_seconds: float = Field(30, gt=0)
    page_size: int = Field(100, ge=1, le=100)


def _connect(sources: Sequence[RedditSettings], secrets: Secrets, now: Now) -> Connected:
    from listener.held import HeldCheck  # noqa: PLC0415
    from listener.platforms.reddit.posts import GROUP, RIGHTS, look_up  # noqa: PLC0415
    from listener.platforms.reddit.sender import RedditSender  # noqa: PLC0415

    feeds: list[PlatformFeed] = []
    checks: list[HeldCheck] = []
    writing: dict[str, tuple[str, ApiClient]] = {}
    for settings in sources:
        known = {name: secrets(settings, name) for name in _TO_REPLY}
        replies = all(known.values())
        feeds += [PlatformFeed(source) for source in _sources(settings, known, now)]
        if not checks:
            look = partial(look_up, _client(settings, known, now))
            checks.append(HeldCheck("reddit", look, batch_size=GROUP, rights=RIGHTS))
        if replies:
            writing[settings.brand] = settings.account, _client(settings, known, now)
    return Connected(feeds, {"reddit": RedditSender(writing, now=now)} if writing else {}, checks)


def _sources(settings: RedditSettings, known: Mapping[str, SecretStr | None], now: Now) -> list[Source]:
    from desk.model.query import parse  # noqa: PLC0415
    from listener.listing import ListingSource  # noqa: PLC0415
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.reddit.posts import Feed, PostListing  # noqa: PLC0415
    from listener.queries.keywords import to_searches  # noqa: PLC0415

    wanted = None if settings.listen is None else parse(settings.listen)

    def source(feed: Feed, topic: str = "") -> Source:
        plain = ListingSource(
            PostListing(_client(settings, known, now), settings, feed, topic),
            name=":".join((settings.name, feed, *([topic] if topic else ()))),
            now=now,
            interval_seconds=settings.interval.total_seconds(),
        )
        narrow = wanted is not None and feed in {Feed.NEW, Feed.COMMENTS, Feed.SEARCH}
        return NarrowedSource(plain, wanted) if narrow and wanted is not None else plain

    # An application that reads as itself has no inbox.
    feeds = [source(Feed.INBOX)] if known["REFRESH_TOKEN"] is not None else []
    feeds.append(source(Feed.OWN))
    for name in settings.subreddits:
        feeds += [source(Feed.NEW, name), source(Feed.COMMENTS, name)]
    searches = () if wanted is None else to_searches(wanted, "Reddit")
    return feeds + [source(Feed.SEARCH, words) for words in searches]


def _client(settings: RedditSettings, known: Mapping[str, SecretStr | None], now: Now) -> ApiClient:
    """A connection of its own for each source and sender: they run in different threads."""
    from listener.json_api import ApiClient, usable_secret  # noqa: PLC0415
    from listener.oauth import RenewedToken  # noqa: PLC0415

    plain = {
        name: usable_secret(value.get_secret_value(), f"Reddit's {name} of source {settings.name}")
        for name, value in known.items()
        if value is not None
    }
    # Reddit throttles clients whose name says nothing ("API rules").
    headers = {"User-Agent": f"python:answerback:1 (by /u/{settings.account})"}
    token = RenewedToken(
        settings.token_url,
        title="Reddit",
        client_id=plain["CLIENT_ID"],
        client_secret=plain["CLIENT_SECRET"],
        refresh_token=plain.get("REFRESH_TOKEN"),
        basic=True,
        headers=headers,
        now=now,
        timeout_seconds=settings.timeout_seconds,
    )
    return ApiClient(
        settings.base_url,
        title="Reddit",
        now=now,
        headers=headers,
        token=token,
        secrets=plain.values(),
        timeout_seconds=settings.timeout_seconds,
    )


PLATFORM = Platform(
    title="Reddit",
    settings=RedditSettings,
    connect=_connect,
    asks=(
        "Reddit's approval, which is not given by self-service any more, and a contract for commercial use. "
        "Its texts train no model, and what is deleted there is deleted here."
    ),
    steps=(
        "Ask Reddit for access to its Data API, and for a contract if you use it commercially.",
        "Once approved, make a web app at reddit.com/prefs/apps, and copy its client id and secret.",
        "To read the inbox and to reply, get a permanent refresh token with the scopes identity, read, "
        "history, privatemessages and submit.",
    ),
    reads_with=(_TO_READ,),
    replies_with=_TO_REPLY,
)
