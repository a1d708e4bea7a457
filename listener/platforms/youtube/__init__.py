"""YouTube: the comments under a channel's videos and about the channel, and answers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from desk.ports import Now, Source
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.values import Listening, Target

if TYPE_CHECKING:
    from listener.platforms.youtube.api import Units, YouTube

_LOOKS_PER_DAY = 25_000
"""Held comments that are looked at again: fifty for a unit."""
_TO_READ = ("API_KEY",)
_TO_REPLY = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")


class YouTubeSettings(SourceSettings):
    """One channel of the brand."""

    type: Literal["youtube"]
    name: str = "youtube"
    channel: str = Field(pattern=r"^UC[A-Za-z0-9_-]{22}$")
    """The channel's id, "UC…"; YouTube shows it under Settings, Advanced."""
    interval: Target = timedelta(minutes=2)
    listen: Listening | None = None
    """Keep only what matches, in the listening language, and what customers add to that."""
    daily_units: int = Field(10_000, ge=1_000)
    """The project's quota for a day."""
    base_url: str = "https://www.googleapis.com/youtube/v3"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
    timeout_seconds: float = Field(30, gt=0)
    page_size: int = Field(100, ge=1, le=100)


def _connect(sources: Sequence[YouTubeSettings], secrets: Secrets, now: Now) -> Connected:
    from desk.model.query import parse  # noqa: PLC0415
    from listener.held import HeldCheck  # noqa: PLC0415
    from listener.listing import ListingSource  # noqa: PLC0415
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.youtube.api import GROUP, RIGHTS, Units  # noqa: PLC0415
    from listener.platforms.youtube.comments import OVERLAP_SECONDS, CommentListing  # noqa: PLC0415
    from listener.platforms.youtube.sender import YouTubeSender  # noqa: PLC0415

    feeds: list[Feed] = []
    checks: list[HeldCheck] = []
    writing: dict[str, tuple[str, YouTube]] = {}
    pools: dict[SecretStr | None, Units] = {}
    for settings in sources:
        known = {name: secrets(settings, name) for name in (*_TO_READ, *_TO_REPLY)}
        # A quota belongs to a project, whose key may serve several channels.
        project = known["API_KEY"] or known["CLIENT_ID"]
        units = pools.setdefault(project, Units(settings.daily_units, now))
        source: Source = ListingSource(
            CommentListing(_api(settings, known, units, now), settings),
            name=settings.name,
            now=now,
            interval_seconds=settings.interval.total_seconds(),
            overlap_seconds=OVERLAP_SECONDS,
        )
        if settings.listen is not None:
            source = NarrowedSource(source, parse(settings.listen))
        feeds.append(Feed(source))
        if not checks:
            look_up = _api(settings, known, units, now).comments
            checks.append(
                HeldCheck("youtube", look_up, batch_size=GROUP, rights=RIGHTS, posts_per_day=_LOOKS_PER_DAY)
            )
        if all(known[name] for name in _TO_REPLY):
            writing[settings.brand] = settings.channel, _api(settings, known, units, now, replying=True)
    return Connected(feeds, {"youtube": YouTubeSender(writing, now=now)} if writing else {}, checks)


def _api(
    settings: YouTubeSettings,
    known: Mapping[str, SecretStr | None],
    units: Units,
    now: Now,
    *,
    replying: bool = False,
) -> YouTube:
    """A connection of its own for each, because sources and senders run in different threads."""
    from listener.json_api import ApiClient, usable_secret  # noqa: PLC0415
    from listener.oauth import RenewedToken  # noqa: PLC0415
    from listener.platforms.youtube.api import YouTube  # noqa: PLC0415

    plain = {
        name: usable_secret(value.get_secret_value(), f"YouTube's {name} of source {settings.name}")
        for name, value in known.items()
        if value is not None
    }
    headers, token = {"X-Goog-Api-Key": plain.get("API_KEY", "")}, None
    if replying or "API_KEY" not in plain:
        headers = {}
        token = RenewedToken(
            settings.token_url,
            title="Google",
            client_id=plain["CLIENT_ID"],
            client_secret=plain["CLIENT_SECRET"],
            refresh_token=plain["REFRESH_TOKEN"],
            now=now,
        )
    client = ApiClient(
        settings.base_url,
        title="YouTube",
        now=now,
        headers=headers,
        token=token,
        secrets=plain.values(),
        timeout_seconds=settings.timeout_seconds,
    )
    return YouTube(client, units)


PLATFORM = Platform(
    title="YouTube",
    settings=YouTubeSettings,
    connect=_connect,
    asks=(
        "A Google Cloud project with the YouTube Data API, which costs nothing: 10,000 units a day (a page "
        "of comments is 1, a reply 50); more is granted after an audit."
    ),
    steps=(
        "In the Google Cloud console, make a project, enable the YouTube Data API v3, and make an API key.",
        "To reply, make an OAuth client there and get a refresh token of the channel's account with the "
        "scope youtube.force-ssl.",
    ),
    reads_with=(_TO_READ, _TO_REPLY),
    replies_with=_TO_REPLY,
)
