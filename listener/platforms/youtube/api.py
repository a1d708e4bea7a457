"""The edge to YouTube's Data API: requests, each paid with units of a day's quota."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from desk.model.mention import Mention
from desk.ports import Headroom, Now
from listener.api_errors import ApiError
from listener.json_api import Answer, ApiClient
from listener.listing import RecordError
from listener.text import mend

_LIST_UNITS, _INSERT_UNITS = 1, 50
"""Quota costs of comment lists and of `comments.insert` ("Quota costs", 2026)."""
KEPT_FOR_REPLIES = 500
"""Units of a day that reading leaves to replies."""
GROUP = 50
"""Ids in one request."""
_ANSWER_PAGES = 20
ID = re.compile(r"[A-Za-z0-9_-]{5,100}(?:\.[A-Za-z0-9_-]{5,100})?")
"""Of a comment; that of an answer is its thread's, a dot, and its own."""
RIGHTS = (
    "Check the API key, that the YouTube Data API is enabled for it, and the rights of the refresh token."
)
_DAY_USED_UP = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})


class Units:
    """What is left of the day's quota, which begins at midnight in California. Counts this process alone;
    beyond that, YouTube's own refusal says that the day is used up."""

    def __init__(self, daily: int, now: Now) -> None:
        self._daily, self._now, self._used = daily, now, 0
        self._lock, self._zone = Lock(), ZoneInfo("America/Los_Angeles")
        self._day = now().astimezone(self._zone).date()

    def spend(self, units: int, *, keep: int = 0) -> None:
        """Raises ApiError where the day's quota, less what is to be kept, does not allow it."""
        with self._lock:
            today = self._now().astimezone(self._zone).date()
            if today != self._day:
                self._day, self._used = today, 0
            if self._used + units > self._daily - keep:
                raise self.used_up()
            self._used += units

    def used_up(self) -> ApiError:
        left = (self._midnight() - self._now()).total_seconds()
        return ApiError(
            "YouTube's quota for today is used up", status=429, retry_after=max(left, 60.0), left=False
        )

    def headroom(self) -> Headroom:
        return Headroom(max(self._daily - self._used, 0), self._daily, self._midnight())

    def _midnight(self) -> datetime:
        local = self._now().astimezone(self._zone)
        tomorrow = (local + timedelta(days=1)).date()
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone)


class YouTube:
    """Requests to the Data API, each paid from the day's quota."""

    def __init__(self, client: ApiClient, units: Units) -> None:
        self._client, self.units = client, units

    def items(
        self, path: str, params: Mapping[str, object], *, keep: int = 0
    ) -> tuple[list[Any], str | None]:
        """A page's items, and the token of the next page. Raises ApiError."""
        self.units.spend(_LIST_UNITS, keep=keep)
        try:
            data = self._client.get(path, {"textFormat": "plainText", **params}).data
        except ApiError as error:
            raise self._clear(error) from error
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            raise self._client.wrong("a page without items")
        token = data.get("nextPageToken")
        return items, token if isinstance(token, str) and token else None

    def answers(self, thread: str, *, keep: int = 0) -> list[Any]:
        """All answers in a thread. Raises ApiError."""
        found: list[Any] = []
        token: str | None = None
        for _ in range(_ANSWER_PAGES):
            params = {"part": "snippet", "parentId": thread, "maxResults": 100}
            page, token = self.items("/comments", params | ({"pageToken": token} if token else {}), keep=keep)
            found += page
            if token is None:
                break
        return found

    def comments(self, held: Sequence[Mention]) -> dict[str, str | None]:
        """The words of comments as they are now; None for one that is gone. Raises ApiError."""
        asked = [mention.external_id for mention in held if ID.fullmatch(mention.external_id)]
        items, _ = self.items("/comments", {"part": "snippet", "id": ",".join(asked)}, keep=KEPT_FOR_REPLIES)
        shown = {str(item.get("id")): item.get("snippet") for item in items if isinstance(item, dict)}
        found: dict[str, str | None] = {comment: None for comment in asked if comment not in shown}
        for comment, snippet in shown.items():
            if comment in asked and isinstance(snippet, dict):
                with suppress(RecordError):
                    found[comment] = words_of(snippet)
        return found

    def insert(self, thread: str, text: str) -> Answer:
        """Raises ApiError."""
        self.units.spend(_INSERT_UNITS)
        body = {"snippet": {"parentId": thread, "textOriginal": text}}
        try:
            return self._client.post("/comments", json=body, params={"part": "snippet"})
        except ApiError as error:
            raise self._clear(error) from error

    def _clear(self, error: ApiError) -> ApiError:
        """A quota that is used up comes as a 403."""
        inner = error.data.get("error") if isinstance(error.data, dict) else None
        listed = inner.get("errors") if isinstance(inner, dict) else None
        errors = listed if isinstance(listed, list) else []
        reasons = {str(each.get("reason")) for each in errors if isinstance(each, dict)}
        if error.status == 403 and reasons & _DAY_USED_UP:
            return self.units.used_up()
        return ApiError(str(error), status=429) if error.status == 403 and reasons & _TOO_FAST else error


def words_of(snippet: Mapping[str, Any]) -> str:
    """Raises RecordError."""
    text = snippet.get("textDisplay", snippet.get("textOriginal"))
    if not isinstance(text, str):
        raise RecordError('"textDisplay" is missing')
    return mend(text).strip() or "(no words)"
