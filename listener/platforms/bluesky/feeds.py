"""The two feeds that walk backwards from the newest entry: what is addressed to us, and what we write."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from desk.ports import Headroom
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.ids import digest, is_cid, parts_of
from listener.platforms.bluesky.posts import PostError, written_at

RAW_LIMIT = 10_000
REASONS = ("mention", "reply", "quote")
"""Why a notification is about a post to read; the others are likes, follows and the like."""
_PAGE_TOKEN_LIMIT = 2_000


class BlueskyFeed(StrEnum):
    MENTIONS = "mentions"
    """Notifications of posts that name, answer or quote the account."""
    OWN = "own"
    """The account's own posts: replies that were made natively, so that they stop clocks."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One post of a page."""

    uri: str | None
    """None where it has none that can be used; it is then set aside."""
    cid: str
    at: int | None
    """Where it stands in the feed, in milliseconds since 1970; None where it does not say."""
    post: Any
    raw: Any

    @property
    def key(self) -> str:
        """Names this version of the post."""
        return digest(f"{self.uri} {self.cid}" if self.uri is not None else self.text)

    @property
    def place(self) -> str:
        """Names the entry for the operator."""
        return self.uri if self.uri is not None else f"entry without address {self.key}"

    @property
    def text(self) -> str:
        return json.dumps(self.raw, ensure_ascii=True)[:RAW_LIMIT]


@dataclass(frozen=True, slots=True)
class Page:
    entries: tuple[Entry, ...]
    older: str | None
    """Opaque; asks for the page behind this one."""
    headroom: Headroom | None

    @property
    def lowest(self) -> int | None:
        return min((entry.at for entry in self.entries if entry.at is not None), default=None)


def read_page(client: BlueskyClient, feed: BlueskyFeed, page: str | None, size: int) -> Page:
    """Ask for one page, newest first. Raises ApiError, also for an answer that is no page."""
    params: list[tuple[str, str | int]] = [("limit", size)]
    if page is not None:
        params.append(("cursor", page))
    if feed is BlueskyFeed.MENTIONS:
        method, name = "app.bsky.notification.listNotifications", "notifications"
        # Otherwise what the account has chosen in the app decides, and strangers would be left out.
        params.append(("priority", "false"))
        params += [("reasons", reason) for reason in REASONS]
    else:
        method, name = "app.bsky.feed.getAuthorFeed", "feed"
        params += [
            ("actor", client.identity().did),
            ("filter", "posts_with_replies"),
            ("includePins", "false"),
        ]
    answer = client.get(method, params)
    data = answer.data if isinstance(answer.data, dict) else {}
    listed, older = data.get(name), data.get("cursor")
    if not isinstance(listed, list):
        raise client.wrong("a page that is no list")
    entries = [_entry(feed, raw) for raw in listed]
    usable = isinstance(older, str) and 0 < len(older) <= _PAGE_TOKEN_LIMIT
    return Page(tuple(e for e in entries if e is not None), str(older) if usable else None, answer.headroom)


def _entry(feed: BlueskyFeed, raw: Any) -> Entry | None:
    """None where there is nothing to tell: another kind of notification, a repost."""
    if not isinstance(raw, dict):
        return Entry(None, "", None, None, raw)
    if feed is BlueskyFeed.MENTIONS:
        # Servers that do not know the filter send all kinds.
        if isinstance(raw.get("reason"), str) and raw["reason"] not in REASONS:
            return None
        post: Any = raw
    else:
        if raw.get("reason") is not None:
            return None
        post = raw.get("post")
    fields = post if isinstance(post, dict) else {}
    uri, cid = fields.get("uri"), fields.get("cid")
    usable = parts_of(uri) is not None and is_cid(cid)
    return Entry(str(uri) if usable else None, str(cid) if usable else "", _at(fields), post, raw)


def _at(post: dict[str, Any]) -> int | None:
    """Both feeds are sorted by the earlier of the two times that a post has."""
    try:
        return to_ms(written_at(post))
    except PostError:
        return None


def to_ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
