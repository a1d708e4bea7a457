"""Bluesky and the rest of the AT Protocol: notifications, own posts, the stream of all posts, and replies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from desk.errors import InputError
from desk.model.query import parse
from desk.ports import Now
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.platforms.bluesky.account import DEFAULT_SERVER, BlueskyAccount
from listener.values import Listening, Target

if TYPE_CHECKING:
    from listener.platforms.bluesky.session import Session

_PASSWORD = "APP_PASSWORD"  # noqa: S105  (the name of a variable, not its value)


class BlueskySettings(SourceSettings):
    """One brand's account on Bluesky, or on a server of one's own."""

    type: Literal["bluesky"]
    name: str = "bluesky"
    handle: str
    """The account's handle, without @: "fernway.bsky.social"."""
    server: str = DEFAULT_SERVER
    """The personal data server on which the account lives."""
    listen: Listening | None = None
    """What to look for in the stream of all public posts, in the listening language."""
    jetstream: tuple[str, ...] = (
        "wss://jetstream2.us-east.bsky.network",
        "wss://jetstream1.us-west.bsky.network",
    )
    """Where that stream comes from: hosts that are tried by turns."""
    labels: tuple[str, ...] = ()
    """What replies say of themselves; ["bot"] where nobody reads them before they are sent."""
    interval: Target = timedelta(seconds=30)


def _connect(sources: Sequence[BlueskySettings], secrets: Secrets, now: Now) -> Connected:
    from listener.platforms.bluesky.api import BlueskyClient  # noqa: PLC0415
    from listener.platforms.bluesky.recheck import BlueskyCheck  # noqa: PLC0415
    from listener.platforms.bluesky.sender import BlueskySender  # noqa: PLC0415
    from listener.platforms.bluesky.session import Session  # noqa: PLC0415

    feeds: list[Feed] = []
    sessions: dict[str, Session] = {}
    for settings in sources:
        if settings.brand in sessions:
            # Its reply would go out under whichever name came first.
            raise InputError(f"Brand {settings.brand} has two Bluesky accounts; keep one.")
        password = secrets(settings, _PASSWORD)
        assert password is not None, "reads_with says so"  # noqa: S101
        handle = settings.handle.removeprefix("@")
        session = Session(BlueskyAccount(settings.brand, handle, password, settings.server), now=now)
        sessions[settings.brand] = session
        feeds += _feeds(settings, session, now)
    clients = {
        brand: BlueskyClient(session, now=now, timeout_seconds=15) for brand, session in sessions.items()
    }
    labels = {settings.brand: settings.labels for settings in sources}
    checkers = [
        BlueskyCheck(BlueskyClient(session, now=now), now=now) for session in list(sessions.values())[:1]
    ]
    return Connected(feeds, {"bluesky": BlueskySender(clients, now=now, labels=labels)}, checkers)


def _feeds(settings: BlueskySettings, session: Session, now: Now) -> list[Feed]:
    from listener.platforms.bluesky.api import BlueskyClient  # noqa: PLC0415
    from listener.platforms.bluesky.feeds import BlueskyFeed  # noqa: PLC0415
    from listener.platforms.bluesky.keywords import BlueskyKeywords  # noqa: PLC0415
    from listener.platforms.bluesky.source import BlueskySource  # noqa: PLC0415

    feeds = [
        Feed(
            BlueskySource(
                BlueskyClient(session, now=now),
                brand=settings.brand,
                feed=kind,
                now=now,
                name=f"{settings.name}:{kind}",
                interval_seconds=settings.interval.total_seconds(),
            )
        )
        for kind in BlueskyFeed
    ]
    if settings.listen is not None:
        keywords = BlueskyKeywords(
            BlueskyClient(session, now=now),
            brand=settings.brand,
            query=parse(settings.listen),
            hosts=settings.jetstream,
            now=now,
            name=f"{settings.name}:keywords",
        )
        feeds.append(Feed(keywords))
    return feeds


PLATFORM = Platform(
    title="Bluesky",
    settings=BlueskySettings,
    connect=_connect,
    asks="An account; no approval, and no price. Answer people, do not write to strangers unasked.",
    steps=("In the app, under Settings, Privacy and security, App passwords: add one for Answerback alone.",),
    reads_with=((_PASSWORD,),),
    replies_with=(_PASSWORD,),
)
