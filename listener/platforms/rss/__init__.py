"""RSS and Atom: reviews and forums, read from their feeds. A feed cannot be answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from desk.ports import Now, Source
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.values import Listening, Target


class RssSettings(SourceSettings):
    """One feed."""

    type: Literal["rss"]
    name: str = "rss"
    url: str
    """The feed's address."""
    interval: Target = timedelta(minutes=5)
    first: Target = timedelta(days=7)
    """How far the first reading looks back."""
    own_authors: tuple[str, ...] = ()
    """Names under which the brand itself writes there."""
    listen: Listening | None = None
    """Keep only what matches, in the listening language, and what customers add to that."""


def _connect(sources: Sequence[RssSettings], secrets: Secrets, now: Now) -> Connected:
    del secrets
    from desk.model.query import parse  # noqa: PLC0415
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.rss.source import RssSource  # noqa: PLC0415

    def source(settings: RssSettings) -> Source:
        feed = RssSource(settings, now=now)
        return feed if settings.listen is None else NarrowedSource(feed, parse(settings.listen))

    return Connected([Feed(source(settings)) for settings in sources])


def _problems(settings: RssSettings) -> Iterable[str]:
    if urlsplit(settings.url).scheme not in {"http", "https"}:
        yield f'url is no address of a feed: "{settings.url[:100]}"; it begins with https://.'


PLATFORM = Platform(
    title="RSS and Atom feeds",
    settings=RssSettings,
    connect=_connect,
    asks=(
        "Nothing but the address; the site's terms say what its texts may be used for. A feed shows its "
        "latest entries only, tells of no deletions, and cannot be answered."
    ),
    steps=("Find the address of the site's feed, and open it in a browser: it begins with <rss or <feed.",),
    problems=_problems,
)
