"""Telegram: the messages that a bot sees in its groups and private chats, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from desk.ports import Now
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.values import Listening, Target

if TYPE_CHECKING:
    from listener.platforms.telegram.bot import Bot

_TOKEN = "BOT_TOKEN"  # noqa: S105  (the name of a variable, not its value)


class TelegramSettings(SourceSettings):
    """One bot. It answers where it is spoken to: in the groups that it was added to, and in private."""

    type: Literal["telegram"]
    name: str = "telegram"
    interval: Target = timedelta(seconds=2)
    staff: tuple[str, ...] = ()
    """User names, without @, or numbers of the people whose messages are the brand's. A group's anonymous
    administrators always are."""
    listen: Listening | None = None
    """Keep of groups only what matches; private chats and answers to the bot are always kept."""
    base_url: str = "https://api.telegram.org"


def _connect(sources: Sequence[TelegramSettings], secrets: Secrets, now: Now) -> Connected:
    from listener.platforms.telegram.bot import Bot  # noqa: PLC0415
    from listener.platforms.telegram.sender import TelegramSender  # noqa: PLC0415
    from listener.platforms.telegram.source import TelegramSource  # noqa: PLC0415

    feeds: list[Feed] = []
    bots: list[tuple[str, Bot]] = []
    for settings in sources:
        token = secrets(settings, _TOKEN)
        assert token is not None, "reads_with says so"  # noqa: S101
        feeds.append(Feed(TelegramSource(settings, Bot(token, base_url=settings.base_url, now=now), now=now)))
        # A connection of its own: sources and senders run in different threads.
        bots.append((settings.brand, Bot(token, base_url=settings.base_url, now=now, timeout_seconds=15)))
    return Connected(feeds, {"telegram": TelegramSender(bots, now=now)} if bots else {})


PLATFORM = Platform(
    title="Telegram",
    settings=TelegramSettings,
    connect=_connect,
    asks=(
        "A bot, which costs nothing and needs no approval. It reads its groups and its private chats, "
        "nothing else, and is not told of messages that are deleted."
    ),
    steps=(
        "Ask @BotFather for a bot (/newbot) and copy its token.",
        "Turn the bot's privacy mode off (/setprivacy), or it sees in groups only what is addressed to it.",
        "Add the bot to the groups where your customers write.",
    ),
    reads_with=((_TOKEN,),),
    replies_with=(_TOKEN,),
)
