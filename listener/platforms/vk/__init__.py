"""VK: mentions of a community, its wall, searches in public posts, and answers as the community."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field as Limited

from desk.ports import Now, Source
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.values import Listening, Target

if TYPE_CHECKING:
    from listener.platforms.vk.api import Vk

_TOKEN = "ACCESS_TOKEN"  # noqa: S105  (the name of a variable, not its value)


class VkSettings(SourceSettings):
    """One community of the brand."""

    type: Literal["vk"]
    name: str = "vk"
    group: int = Limited(gt=0)
    """The community's number."""
    interval: Target = timedelta(minutes=1)
    listen: Listening | None = None
    """What to search public posts for."""
    base_url: str = "https://api.vk.com"
    timeout_seconds: float = Limited(30, gt=0)
    page_size: int = Limited(50, ge=1, le=50)


def _connect(sources: Sequence[VkSettings], secrets: Secrets, now: Now) -> Connected:
    from listener.held import HeldCheck  # noqa: PLC0415
    from listener.platforms.vk.api import RIGHTS  # noqa: PLC0415
    from listener.platforms.vk.sender import VkSender  # noqa: PLC0415

    feeds = [Feed(source) for settings in sources for source in _sources(settings, secrets, now)]
    checks = [
        HeldCheck("vk", _api(s, secrets, now).look_up, batch_size=20, rights=RIGHTS) for s in sources[:1]
    ]
    groups = {settings.brand: (settings.group, _api(settings, secrets, now)) for settings in sources}
    return Connected(feeds, {"vk": VkSender(groups, now=now)} if groups else {}, checks)


def _sources(settings: VkSettings, secrets: Secrets, now: Now) -> list[Source]:
    from desk.model.query import parse  # noqa: PLC0415
    from listener.listing import ListingSource  # noqa: PLC0415
    from listener.narrowed import NarrowedSource  # noqa: PLC0415
    from listener.platforms.vk.posts import Kind, PostListing  # noqa: PLC0415
    from listener.queries.keywords import to_searches  # noqa: PLC0415

    def source(kind: Kind, words: str = "") -> Source:
        return ListingSource(
            PostListing(_api(settings, secrets, now), settings, kind, words),
            name=":".join((settings.name, kind, *([words] if words else ()))),
            now=now,
            interval_seconds=settings.interval.total_seconds(),
        )

    feeds = [source(Kind.MENTIONS), source(Kind.WALL)]
    if settings.listen is not None:
        query = parse(settings.listen)
        feeds += [NarrowedSource(source(Kind.SEARCH, words), query) for words in to_searches(query, "VK")]
    return feeds


def _api(settings: VkSettings, secrets: Secrets, now: Now) -> Vk:
    """A connection of its own for each source and sender: they run in different threads."""
    from listener.json_api import ApiClient, usable_secret  # noqa: PLC0415
    from listener.platforms.vk.api import Vk  # noqa: PLC0415

    secret = secrets(settings, _TOKEN)
    assert secret is not None, "reads_with says so"  # noqa: S101
    token = usable_secret(secret.get_secret_value(), f"VK's token of source {settings.name}")
    timeout = settings.timeout_seconds
    client = ApiClient(settings.base_url, title="VK", now=now, secrets=[token], timeout_seconds=timeout)
    return Vk(client, token)


PLATFORM = Platform(
    title="VK",
    settings=VkSettings,
    connect=_connect,
    asks=(
        "An application at dev.vk.com and the token of an account that manages the community; some methods "
        "are given on request only. VK's texts must not be passed on, and train no model."
    ),
    steps=(
        "Make an application at dev.vk.com, and get a token with the rights wall, groups and offline.",
        "Copy the community's number: it stands in the settings of the community.",
    ),
    reads_with=((_TOKEN,),),
    replies_with=(_TOKEN,),
)
