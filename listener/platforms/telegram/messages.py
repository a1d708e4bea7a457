"""From Telegram's messages to what a mention is made of. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from desk.model.mention import Author
from listener.text import mend, web_address

_PARTS = ("photo", "video", "animation", "audio", "voice", "video_note", "document", "sticker", "poll")


class RecordError(ValueError):
    """An update that cannot be used; the message says why."""


def text_of(message: Mapping[str, Any]) -> str | None:
    """The words, pictures and the like as [kind]; None for a message that tells of something else."""
    words = message.get("text", message.get("caption"))
    kinds = [f"[{kind.replace('_', ' ')}]" for kind in _PARTS if isinstance(message.get(kind), dict | list)]
    if words is not None and not isinstance(words, str):
        raise RecordError('"text" is no text')
    parts = [mend(words).strip() if words else "", *kinds]
    return "\n\n".join(part for part in parts if part) or None


def author_of(message: Mapping[str, Any]) -> tuple[Author, bool]:
    """Who wrote it, and whether that is a bot."""
    speaker = message.get("sender_chat")
    writer = speaker if isinstance(speaker, dict) else message.get("from")
    if not isinstance(writer, dict) or not isinstance(writer.get("id"), int):
        raise RecordError('"from" is missing')
    parts = (writer.get(key) for key in ("title", "first_name", "last_name"))
    name = " ".join(mend(part).strip() for part in parts if isinstance(part, str))[:500]
    handle = writer.get("username")
    if not isinstance(handle, str) or not re.fullmatch(r"\w{1,64}", handle):
        handle = f"id{writer['id']}"
    return Author(str(writer["id"]), handle, name), writer.get("is_bot") is True


def external_id(chat_id: int, message_id: object) -> str:
    """A message's number counts within its chat."""
    if not isinstance(message_id, int) or message_id <= 0:
        raise RecordError('"message_id" is missing')
    return f"{chat_id}:{message_id}"


def conversation_of(chat_id: int, message: Mapping[str, Any]) -> str:
    """A topic of a forum is a conversation of its own; otherwise the chat is one."""
    topic = message.get("message_thread_id")
    in_topic = message.get("is_topic_message") is True and isinstance(topic, int)
    return f"{chat_id}:{topic}" if in_topic else str(chat_id)


def replied_to(chat_id: int, message: Mapping[str, Any]) -> str | None:
    answered = message.get("reply_to_message")
    number = answered.get("message_id") if isinstance(answered, dict) else None
    if not isinstance(number, int):
        return None
    # In a forum the topic's first message stands here for messages that answer nobody.
    if message.get("is_topic_message") is True and number == message.get("message_thread_id"):
        return None
    return f"{chat_id}:{number}"


def moment_of(value: object) -> datetime:
    if not isinstance(value, int) or isinstance(value, bool):
        raise RecordError('"date" is missing')
    if not 946_684_800 <= value < 4_102_444_800:
        raise RecordError(f'"date" is outside 2000 to 2100: {value}')
    return datetime.fromtimestamp(value, UTC)


def url_of(chat: Mapping[str, Any], message: Mapping[str, Any]) -> str | None:
    """Supergroups have addresses: public ones for all, others for their members."""
    number, name = message.get("message_id"), chat.get("username")
    if isinstance(name, str) and chat.get("type") != "private":
        return web_address(f"https://t.me/{name}/{number}")
    inner = str(chat.get("id", "")).removeprefix("-100")
    return (
        f"https://t.me/c/{inner}/{number}" if chat.get("type") == "supergroup" and inner.isdigit() else None
    )
