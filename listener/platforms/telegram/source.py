"""What a Telegram bot sees, as a source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.errors import SourceError
from desk.model.mention import Mention, Replyable
from desk.model.query import matches, parse
from desk.ports import BadRecord, Batch, Gap, Now
from listener.api_errors import ApiError, source_error
from listener.listing import digest
from listener.platforms.telegram import TelegramSettings
from listener.platforms.telegram.bot import Bot
from listener.platforms.telegram.messages import (
    RecordError,
    author_of,
    conversation_of,
    external_id,
    moment_of,
    replied_to,
    text_of,
    url_of,
)

SOURCE = "telegram"
_KEPT = timedelta(hours=24)
"""So long Telegram keeps updates that nobody has asked for ("Getting updates")."""
_RENUMBERED = timedelta(days=6)
"""After a week without updates the next one gets a random number ("Update"): by then nothing is unconfirmed,
so the old number is not sent any more, which could confirm updates that nobody has read."""
_ASKED_STEP = timedelta(minutes=10)
_RAW_LIMIT = 10_000
_POLL_SECONDS = 1
"""How long a request waits for news; a stop must not wait for it."""
_RIGHTS = "Check the bot's token: @BotFather shows it."
_ADDRESS = "Check base_url and the bot's token."
_PRIVATE_NOTE = "A private chat with the bot; nobody else sees the answer."
_ANONYMOUS_ADMIN = 1087968824
"""The account under which a group's anonymous administrators write ("Message", `sender_chat`)."""


@dataclass(frozen=True, slots=True)
class _Cursor:
    offset: int | None = None
    """The next update's number."""
    at: int = 0
    """When the last update came, in seconds since 1970."""
    asked: int = 0
    """When Telegram was last asked, give or take ten minutes."""

    @classmethod
    def parse(cls, text: str, source: str) -> _Cursor:
        try:
            cursor = cls(**json.loads(text))
            if not all(isinstance(n, int) for n in (cursor.offset or 0, cursor.at, cursor.asked)):
                raise ValueError("no number")
        except (ValueError, TypeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that a Telegram source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error
        return cursor

    def dump(self) -> str:
        return json.dumps({"offset": self.offset, "at": self.at, "asked": self.asked})


class TelegramSource:
    """Everything that one bot sees.

    Telegram keeps what a bot has not read for 24 hours, and forgets what it has confirmed: an update is
    confirmed by asking for those behind it, so that happens only when the cursor has been stored.
    """

    def __init__(self, settings: TelegramSettings, bot: Bot, *, now: Now, page_size: int = 100) -> None:
        self._settings, self._bot, self._now, self._page_size = settings, bot, now, page_size
        self._staff = frozenset(name.lower().lstrip("@") for name in settings.staff)
        self._query = None if settings.listen is None else parse(settings.listen)

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def interval_seconds(self) -> float:
        return self._settings.interval.total_seconds()

    def fetch(self, cursor: str | None) -> Batch:
        """The next updates. Raises SourceError: permanent where the token is wrong or a webhook is set."""
        now = self._now()
        at = _Cursor() if cursor is None else _Cursor.parse(cursor, self.name)
        parameters: dict[str, object] = {
            "limit": self._page_size,
            "timeout": _POLL_SECONDS,
            "allowed_updates": ["message", "edited_message"],
        }
        since = at.offset if now.timestamp() - at.at < _RENUMBERED.total_seconds() else None
        if since is not None:
            parameters["offset"] = since
        try:
            updates = self._bot.read("getUpdates", parameters)
            if not isinstance(updates, list):
                raise self._bot.api.wrong("updates that are no list")
        except ApiError as error:
            raise self._failure(error) from error
        return self._batch(updates, at, since, now)

    def _batch(self, updates: Sequence[Any], at: _Cursor, since: int | None, now: datetime) -> Batch:
        mentions: list[Mention] = []
        aside: list[Mention] = []
        bad: list[BadRecord] = []
        numbers: list[int] = []
        for update in updates:
            number = update.get("update_id") if isinstance(update, dict) else None
            if isinstance(number, int):
                numbers.append(number)
            try:
                mention = self._read(update, now)
            except RecordError as error:
                raw = json.dumps(update, ensure_ascii=True)[:_RAW_LIMIT]
                name = str(number) if isinstance(number, int) else f"without number {digest(raw)}"
                bad.append(BadRecord(f"update {name}", raw, str(error)))
            else:
                if mention is not None:
                    (mentions if self._wanted(mention, update) else aside).append(mention)
        if updates and not numbers:
            raise SourceError(f"Source {self.name}: Telegram numbered no update; asked again later.")
        gaps: list[Gap] = []
        asked = datetime.fromtimestamp(at.asked, UTC)
        if at.asked and now - asked > _KEPT:
            gaps.append(Gap(asked, now - _KEPT, "Telegram keeps unread messages of a bot for 24 hours only."))
        seconds = int(now.timestamp())
        if numbers or seconds - at.asked >= _ASKED_STEP.total_seconds():
            at = replace(at, asked=seconds)
        if numbers:
            at = replace(at, offset=max(max(numbers) + 1, since or 0), at=seconds)
        more = len(updates) >= self._page_size
        return Batch(mentions, aside=aside, bad=bad, gaps=gaps, cursor=at.dump(), more=more)

    def _read(self, update: object, now: datetime) -> Mention | None:
        if not isinstance(update, dict):
            raise RecordError("not a JSON object")
        message = _message_of(update)
        if message is None:
            return None  # of a kind that was asked for before, by another program
        if not isinstance(message, dict):
            raise RecordError("the message is no JSON object")
        chat = message.get("chat")
        if not isinstance(chat, dict) or not isinstance(chat.get("id"), int):
            raise RecordError('"chat" is missing')
        text = text_of(message)
        if text is None:
            return None  # somebody joined, a title changed, ...
        private = chat.get("type") == "private"
        if private and text.startswith("/start"):
            return None
        author, is_bot = author_of(message)
        from_brand = self._is_staff(message, chat)
        return Mention(
            source=SOURCE,
            external_id=external_id(chat["id"], message.get("message_id")),
            conversation_id=conversation_of(chat["id"], message),
            in_reply_to=replied_to(chat["id"], message),
            brand=self._settings.brand,
            author=author,
            from_brand=from_brand,
            created_at=moment_of(message.get("date")),
            received_at=now,
            text=text,
            url=url_of(chat, message),
            replyable=Replyable(reason=_PRIVATE_NOTE) if private else Replyable(),
            automatic=is_bot or message.get("is_automatic_forward") is True,
            private=private,
        )

    def _wanted(self, mention: Mention, update: Mapping[str, Any]) -> bool:
        if self._query is None or mention.from_brand or mention.private:
            return True
        answered = _message_of(update).get("reply_to_message")
        writer = answered.get("from") if isinstance(answered, dict) else None
        if isinstance(writer, dict) and str(writer.get("id")) == self._bot.id:
            return True
        return matches(self._query, mention.text, mention.author.handle, mention.language)

    def _is_staff(self, message: Mapping[str, Any], chat: Mapping[str, Any]) -> bool:
        speaker = message.get("sender_chat")
        if isinstance(speaker, dict):
            # The group itself (an anonymous administrator), or the channel whose posts are discussed in it.
            return speaker.get("id") == chat["id"] or message.get("is_automatic_forward") is True
        writer = message.get("from")
        if not isinstance(writer, dict):
            return False
        names = {str(writer.get("id")), str(writer.get("username", "")).lower()} - {""}
        return bool(names & (self._staff | {str(_ANONYMOUS_ADMIN)}))

    def _failure(self, error: ApiError) -> SourceError:
        if error.status == 409:
            return SourceError(
                f"Source {self.name}: {error}. Only one program can read a bot's messages: stop the other "
                "one, or remove the webhook that is set for this bot (deleteWebhook).",
                permanent=True,
            )
        return source_error(self.name, error, rights=_RIGHTS, address=_ADDRESS)


def _message_of(update: Mapping[str, Any]) -> Any:
    """The message of an update, new or edited; None where it is about something else."""
    return update.get("message", update.get("edited_message"))
