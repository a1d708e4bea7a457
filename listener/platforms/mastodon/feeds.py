"""The four feeds of a Mastodon source: which page to ask for, and what its entries are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from listener.api_errors import ApiError
from listener.platforms.mastodon.account import id_order, is_id
from listener.platforms.mastodon.api import Answer, MastodonClient
from listener.text import moment_of

RAW_LIMIT = 10_000
Params = list[tuple[str, str | int]]


class MastodonFeed(StrEnum):
    MENTIONS = "mentions"
    """Notifications of posts that @mention the account: complete, and in the order of arrival."""
    HASHTAG = "hashtag"
    """Public posts with a hashtag, as far as the server sees them."""
    SEARCH = "search"
    """Posts with words in them. Many servers search little: without a full-text index nothing, on
    GoToSocial only posts that concern the account."""
    OWN = "own"
    """The account's own statuses: replies that were made natively, so that they stop clocks."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a page."""

    id: str | None
    """None where it has none that can be used."""
    status: Any
    """None where there is nothing to tell: another kind of notification, a boost, a deleted status."""
    raw: Any

    @property
    def key(self) -> str:
        """Names the entry for the operator."""
        if self.id is not None:
            return f"entry {self.id}"
        return f"entry without id {hashlib.sha256(self.text.encode()).hexdigest()[:12]}"

    @property
    def text(self) -> str:
        return json.dumps(self.raw, ensure_ascii=True)[:RAW_LIMIT]

    @property
    def created_at(self) -> datetime | None:
        """When the entry came to be; None where it does not say so in a usable way."""
        value = self.raw.get("created_at") if isinstance(self.raw, dict) else None
        try:
            return moment_of(value) if isinstance(value, str) else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Page:
    entries: tuple[Entry, ...]
    answer: Answer

    @property
    def lowest(self) -> str | None:
        return min(self._ids, key=id_order, default=None)

    @property
    def highest(self) -> str | None:
        return max(self._ids, key=id_order, default=None)

    @property
    def _ids(self) -> list[str]:
        return [entry.id for entry in self.entries if entry.id is not None]


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed of one account."""

    kind: MastodonFeed
    query: str
    """The hashtag without #, or the words of a search."""
    page_size: int

    def page(
        self,
        client: MastodonClient,
        account_id: str,
        *,
        knows_filtered: bool = False,
        min_id: str | None = None,
        max_id: str | None = None,
        since_id: str | None = None,
        offset: int = 0,
    ) -> Page:
        """Ask for one page. Raises ApiError, also for an answer that is no page."""
        params: Params = [("limit", self.page_size)]
        bounds = (("min_id", min_id), ("max_id", max_id), ("since_id", since_id))
        params += [(name, value) for name, value in bounds if value is not None]
        match self.kind:
            case MastodonFeed.MENTIONS:
                path = "/api/v1/notifications"
                params.append(("types[]", "mention"))
                if knows_filtered:
                    params.append(("include_filtered", "true"))
            case MastodonFeed.HASHTAG:
                path = f"/api/v1/timelines/tag/{quote(self.query, safe='')}"
            case MastodonFeed.OWN:
                path = f"/api/v1/accounts/{account_id}/statuses"
                params.append(("exclude_reblogs", "true"))
            case MastodonFeed.SEARCH:
                path = "/api/v2/search"
                params += [("q", self.query), ("type", "statuses"), ("offset", offset)]
        answer = client.get(path, params)
        listed = answer.data
        if self.kind is MastodonFeed.SEARCH and isinstance(listed, dict):
            listed = listed.get("statuses")
        if not isinstance(listed, list):
            raise ApiError(f"{client.host} sent a page that is no list", status=200)
        return Page(tuple(self._entry(raw) for raw in listed), answer)

    def _entry(self, raw: Any) -> Entry:
        if not isinstance(raw, dict):
            return Entry(None, raw, raw)
        entry_id = raw["id"] if is_id(raw.get("id")) else None
        if self.kind is MastodonFeed.MENTIONS:
            kind = raw.get("type")
            if not isinstance(kind, str):
                return Entry(entry_id, raw, raw)  # no kind that can be read: no reason to pass it over
            # Servers that do not know the filter send likes and follows as well.
            told = raw.get("status") if kind == "mention" else None
            return Entry(entry_id, told, raw)
        return Entry(entry_id, None if isinstance(raw.get("reblog"), dict) else raw, raw)
