"""Answers on Telegram: one attempt each, and no way to look whether it arrived."""

from __future__ import annotations

import re
from collections.abc import Sequence

from desk.errors import InputError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost
from desk.ports import Now
from listener.api_errors import ApiError, after_sending, not_sent
from listener.platforms.telegram.bot import Bot
from listener.platforms.telegram.messages import RecordError, moment_of, url_of

_RIGHTS = "check that the bot is still in the chat and may write there."
_CANNOT_TELL_SECONDS = 3_600.0


class TelegramSender:
    """Answers as the bot. To be used by one thread at a time."""

    def __init__(self, bots: Sequence[tuple[str, Bot]], *, now: Now) -> None:
        """The bot of each brand. Raises InputError for two bots of one brand."""
        self._bots, self._now = dict(bots), now
        if len(self._bots) < len(bots):
            brands = sorted({brand for brand, _ in bots if [b for b, _ in bots].count(brand) > 1})
            raise InputError(f"Brand {brands[0]} has two Telegram bots; keep one.")

    @property
    def source(self) -> str:
        return "telegram"

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        bot = self._bot(outgoing)
        chat_id, message_id = _ids(outgoing.in_reply_to)
        try:
            name = bot.name()
        except ApiError as error:
            raise not_sent(error, rights=_RIGHTS) from error
        parameters = {
            "chat_id": chat_id,
            "text": outgoing.text,
            # Without the message it answers, a reply in a group speaks to nobody.
            "reply_parameters": {"message_id": message_id, "allow_sending_without_reply": False},
        }
        try:
            sent = bot.write("sendMessage", parameters)
        except ApiError as error:
            raise after_sending(outgoing, error, rights=_RIGHTS) from error
        if not isinstance(sent, dict) or not isinstance(sent.get("message_id"), int):
            raise SendUnknownError(
                f"Telegram took reply {outgoing.reply_id}, but did not say as which message."
            )
        chat = sent.get("chat")
        try:
            created_at = moment_of(sent.get("date"))
        except RecordError:
            created_at = self._now()
        return SentPost(
            external_id=f"{chat_id}:{sent['message_id']}",
            created_at=created_at,
            author_id=bot.id,
            author_handle=name,
            url=url_of(chat if isinstance(chat, dict) else {}, sent),
        )

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Raises SendLaterError always: a bot cannot read what it has posted, so only a person can tell."""
        raise SendLaterError(
            f"Telegram does not let a bot look for its own messages: whether reply {outgoing.reply_id} is "
            "there, only a look into the chat can tell. It is not sent again.",
            retry_after_seconds=_CANNOT_TELL_SECONDS,
        )

    def _bot(self, outgoing: Outgoing) -> Bot:
        bot = self._bots.get(outgoing.brand)
        if bot is None:
            raise SendRefusedError(
                f"No Telegram bot is set up for brand {outgoing.brand}; nothing was published. Add its token."
            )
        return bot


def _ids(external_id: str) -> tuple[int, int]:
    if not re.fullmatch(r"-?\d{1,20}:\d{1,20}", external_id, re.ASCII):
        raise SendRefusedError(f'"{external_id[:100]}" is no message on Telegram; nothing was published.')
    chat_id, _, message_id = external_id.partition(":")
    return int(chat_id), int(message_id)
