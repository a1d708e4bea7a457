"""Answers on YouTube: one attempt each, and a read-back from the thread."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from desk.errors import SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost, same_words
from desk.ports import Now
from listener.api_errors import ApiError, after_sending, cannot_look, not_sent
from listener.doubt import Doubts
from listener.listing import RecordError
from listener.platforms.youtube.api import ID, YouTube, words_of
from listener.platforms.youtube.comments import SOURCE, author_of, time_of, url_of

_CLOCKS_APART = timedelta(minutes=1)
"""YouTube's clock may be so far behind ours."""
_RIGHTS = "check the refresh token's rights, and that answers are allowed under this video."


class YouTubeSender:
    """Answers as the channels. To be used by one thread at a time."""

    def __init__(
        self, channels: Mapping[str, tuple[str, YouTube]], *, now: Now, settle_seconds: float = 30
    ) -> None:
        """The channel's id and its client, by brand. `settle_seconds`: how long one may take to show."""
        self._channels, self._now, self._doubts = channels, now, Doubts(settle_seconds, now)

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        channel, api = self._channel(outgoing)
        thread = _thread(outgoing)
        try:
            # YouTube has no idempotency key: an attempt that a crash forgot is looked for first.
            found = self._look(outgoing)
        except ApiError as error:
            raise not_sent(error, rights=_RIGHTS) from error
        if found is not None:
            return found
        with self._doubts.sending(outgoing):
            try:
                data = api.insert(thread, _addressed(outgoing)).data
            except ApiError as error:
                raise after_sending(outgoing, error, rights=_RIGHTS) from error
            if not isinstance(data, dict) or not ID.fullmatch(str(data.get("id"))):
                raise SendUnknownError(
                    f"YouTube took reply {outgoing.reply_id}, but did not say as which comment."
                )
            return self._sent(data, channel)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Look for the reply in its thread. Raises SendLaterError until that is sure."""
        try:
            found = self._look(outgoing)
        except ApiError as error:
            if error.status != 404:
                raise cannot_look(outgoing, error) from error
            found = None  # the whole thread is gone
        except SendRefusedError as error:
            raise cannot_look(outgoing, ApiError(str(error).rstrip("."), retry_after=900.0)) from error
        if found is None:
            self._doubts.not_there(outgoing, "its thread on YouTube")
        else:
            self._doubts.end(outgoing)
        return found

    def _look(self, outgoing: Outgoing) -> SentPost | None:
        channel, api = self._channel(outgoing)
        since, ours = outgoing.approved_at - _CLOCKS_APART, _addressed(outgoing)
        for item in api.answers(_thread(outgoing)):
            snippet = item.get("snippet") if isinstance(item, dict) else None
            if not isinstance(snippet, dict) or author_of(snippet, "").external_id != channel:
                continue
            try:
                theirs, written_at = words_of(snippet), time_of(snippet.get("publishedAt"))
            except RecordError as error:
                raise ApiError(f"YouTube sent an answer that cannot be read: {error}", status=200) from error
            # The same words may have answered somebody else in the thread, or this customer before.
            if written_at >= since and _speaks_to(theirs) == _speaks_to(ours) and same_words(ours, theirs):
                return self._sent(item, channel)
        return None

    def _sent(self, item: Mapping[str, Any], channel: str) -> SentPost:
        snippet = item.get("snippet")
        snippet = snippet if isinstance(snippet, dict) else {}
        try:
            created_at = time_of(snippet.get("publishedAt"))
        except RecordError:
            created_at = self._now()
        handle = author_of(snippet, "").handle
        url = url_of(snippet.get("videoId"), str(item.get("id")))
        return SentPost(str(item.get("id")), created_at, channel, handle, url)

    def _channel(self, outgoing: Outgoing) -> tuple[str, YouTube]:
        found = self._channels.get(outgoing.brand)
        if found is None:
            raise SendRefusedError(
                f"No YouTube channel with the right to answer is set up for brand {outgoing.brand}; nothing "
                "was published. Set its client and refresh token."
            )
        return found


def _thread(outgoing: Outgoing) -> str:
    """Answers hang on a thread's first comment, whichever of its comments they answer."""
    if not ID.fullmatch(outgoing.in_reply_to):
        raise SendRefusedError(
            f'"{outgoing.in_reply_to[:100]}" is no comment on YouTube; nothing was published.'
        )
    return outgoing.in_reply_to.partition(".")[0]


def _speaks_to(text: str) -> str:
    """The handle that an answer begins with; empty where it speaks to the thread's first writer."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return first.lower() if first.startswith("@") else ""


def _addressed(outgoing: Outgoing) -> str:
    """Among a thread's answers, one that names nobody speaks to the thread's first writer."""
    name = f"@{outgoing.handle}"
    within = "." in outgoing.in_reply_to and outgoing.handle not in {"", "unknown"}
    return (
        f"{name} {outgoing.text}" if within and name.lower() not in outgoing.text.lower() else outgoing.text
    )
