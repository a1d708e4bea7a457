"""Answers on Reddit: one attempt each, and a read-back from the account's own comments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from desk.errors import SendError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, SentPost, same_words
from desk.ports import Now
from listener.api_errors import ApiError, after_sending, cannot_look, not_sent
from listener.doubt import Doubts
from listener.json_api import ApiClient
from listener.listing import RecordError
from listener.platforms.reddit.posts import NAME, SOURCE, children, text_of, time_of, url_of
from listener.text import one_line

_RIGHTS = "check the refresh token's scope submit, and that the account may write in this subreddit."
_REACH = timedelta(days=1)
"""How long before the approval comments are read, for a server's clock that is off."""
_LATER_SECONDS = 600.0
_PAGES = 10


class RedditSender:
    """Answers as the brands' accounts. To be used by one thread at a time."""

    def __init__(
        self, accounts: Mapping[str, tuple[str, ApiClient]], *, now: Now, settle_seconds: float = 60
    ) -> None:
        """The account's name and its client, by brand. `settle_seconds`: how long one may take to show."""
        self._accounts, self._now, self._doubts = accounts, now, Doubts(settle_seconds, now)

    @property
    def source(self) -> str:
        return SOURCE

    def send(self, outgoing: Outgoing) -> SentPost:
        """Publish once. Raises SendRefusedError, SendLaterError or SendUnknownError, see the port."""
        account, client = self._account(outgoing)
        try:
            # Reddit has no idempotency key: an attempt that a crash forgot is looked for first.
            found = self._look(outgoing)
        except ApiError as error:
            raise not_sent(error, rights=_RIGHTS) from error
        if found is not None:
            return found
        form = {"api_type": "json", "raw_json": "1", "thing_id": outgoing.in_reply_to, "text": outgoing.text}
        with self._doubts.sending(outgoing):
            try:
                data = client.post("/api/comment", form=form).data
            except ApiError as error:
                raise after_sending(outgoing, error, rights=_RIGHTS) from error
            return self._published(outgoing, data, account)

    def find(self, outgoing: Outgoing) -> SentPost | None:
        """Look for the reply among the account's comments. Raises SendLaterError until that is sure."""
        try:
            found = self._look(outgoing)
        except ApiError as error:
            raise cannot_look(outgoing, error) from error
        except SendRefusedError as error:
            raise SendLaterError(str(error), retry_after_seconds=_LATER_SECONDS) from error
        if found is None:
            self._doubts.not_there(outgoing, "the account's comments on Reddit")
        else:
            self._doubts.end(outgoing)
        return found

    def _look(self, outgoing: Outgoing) -> SentPost | None:
        account, client = self._account(outgoing)
        since = outgoing.approved_at - _REACH
        anchor: dict[str, str] = {}
        for _ in range(_PAGES):
            params = {"sort": "new", "limit": 100, "raw_json": 1} | anchor
            records, has_more = children(client, client.get(f"/user/{account}/comments", params).data)
            times = []
            for record in records:
                data = record.get("data") if isinstance(record, dict) else None
                try:
                    if not isinstance(data, dict):
                        raise RecordError("no comment")
                    at, theirs = time_of(data), text_of(data)
                except RecordError as error:
                    raise client.wrong("a comment that cannot be read") from error
                times.append(at)
                under = data.get("parent_id") == outgoing.in_reply_to
                if under and theirs is not None and same_words(outgoing.text, theirs):
                    return self._sent(data, account)
            if not has_more or (times and min(times) < since):
                return None
            anchor = {"after": str(records[-1]["data"].get("name"))} if records else {}
        raise SendLaterError(
            f"Reply {outgoing.reply_id} is not among the account's latest comments; look for it by hand.",
            retry_after_seconds=_LATER_SECONDS,
        )

    def _published(self, outgoing: Outgoing, data: Any, account: str) -> SentPost:
        inner = data.get("json") if isinstance(data, dict) else None
        if not isinstance(inner, dict):
            raise SendUnknownError(f"Reddit took reply {outgoing.reply_id}, but did not say what it did.")
        errors = inner.get("errors")
        if isinstance(errors, list) and errors:
            raise _refusal(errors, inner.get("ratelimit"))
        listed = inner.get("data")
        things = listed.get("things") if isinstance(listed, dict) else None
        thing = things[0] if isinstance(things, list) and things else None
        comment = thing.get("data") if isinstance(thing, dict) else None
        if not isinstance(comment, dict) or not NAME.fullmatch(str(comment.get("name"))):
            raise SendUnknownError(
                f"Reddit took reply {outgoing.reply_id}, but did not say as which comment."
            )
        return self._sent(comment, account)

    def _sent(self, data: Mapping[str, Any], account: str) -> SentPost:
        try:
            created_at = time_of(data)
        except RecordError:
            created_at = self._now()
        return SentPost(str(data.get("name")), created_at, account.lower(), account, url_of(data))

    def _account(self, outgoing: Outgoing) -> tuple[str, ApiClient]:
        found = self._accounts.get(outgoing.brand)
        if found is None:
            raise SendRefusedError(
                f"No Reddit account with the right to answer is set up for brand {outgoing.brand}; nothing "
                "was published. Set its refresh token."
            )
        if not NAME.fullmatch(outgoing.in_reply_to):
            raise SendRefusedError(
                f'"{outgoing.in_reply_to[:100]}" is no post or comment on Reddit; nothing was published.'
            )
        return found


def _refusal(errors: list[Any], seconds: object) -> SendError:
    """What Reddit says inside an answer of 200: [code, words, field]."""
    first = errors[0] if isinstance(errors[0], list) else [errors[0]]
    said = one_line(": ".join(str(part) for part in first[:2]), 300).rstrip(".")
    if first[0] == "RATELIMIT":
        wait = float(seconds) if isinstance(seconds, int | float) else _LATER_SECONDS
        return SendLaterError(
            f"Reddit lets the account write only so often ({said}); nothing was sent.",
            retry_after_seconds=min(max(wait, 1.0), 86_400.0),
        )
    return SendRefusedError(f"Reddit refused the reply ({said}). Nothing was published.")
