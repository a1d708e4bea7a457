"""Where a Mastodon source stands, and which posts it has seen lately."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from desk.errors import SourceError
from listener.platforms.mastodon.account import id_order, is_id
from listener.text import moment_of

BAD_LIMIT = 50
"""Unreadable entries that are remembered, so that reading a stretch again does not bring them twice."""


def digest(text: str) -> str:
    """Ten characters that change with the text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class Seen:
    """A post that the source has brought."""

    id: str
    root: str
    """Id of its thread's first post."""
    text: str
    """Digest of the words: another one means an edit."""
    uri: str
    """Digest of the address that is the same on all servers: another id with it means a copy."""
    at: int
    """When it was written, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The first pass reads backwards from the newest entry; from then on each pass reads forwards.

    Ids are those of the feed's entries: of notifications for the mentions, of statuses elsewhere.
    """

    start: str | None = None
    """ISO time before which nothing is read, until a first entry has given a `min_id`; search keeps it."""
    min_id: str | None = None
    """Everything up to here was read."""
    newest: str | None = None
    """While reading backwards: the pass's first entry, the next `min_id`."""
    max_id: str | None = None
    """While reading backwards: everything from here on was read."""
    offset: int = 0
    """While reading a search, which has no ids to go by: how many results of the pass were read."""
    seen: tuple[Seen, ...] = ()
    """The newest posts, oldest first: what is looked at again for edits and deletions."""
    bad: tuple[str, ...] = ()

    @classmethod
    def first(cls, since: datetime) -> Cursor:
        return cls(start=f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")

    @classmethod
    def parse(cls, text: str, source: str) -> Cursor:
        """Raises SourceError for a text that no Mastodon source wrote."""
        try:
            data = json.loads(text)
            cursor = cls(
                **data
                | {
                    "seen": tuple(_seen(row) for row in data.get("seen", ())),
                    "bad": tuple(str(key) for key in data.get("bad", ())),
                    "offset": int(data.get("offset", 0)),
                }
            )
            ids = (cursor.min_id, cursor.newest, cursor.max_id, *(post.id for post in cursor.seen))
            if not all(value is None or is_id(value) for value in ids):
                raise ValueError("no id")
            if cursor.start is not None:
                moment_of(cursor.start)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that a Mastodon source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error
        return cursor

    def dump(self) -> str:
        fields = {
            "start": self.start,
            "min_id": self.min_id,
            "newest": self.newest,
            "max_id": self.max_id,
            "offset": self.offset,
            "seen": [[post.id, post.root, post.text, post.uri, post.at] for post in self.seen],
            "bad": list(self.bad),
        }
        return json.dumps({name: value for name, value in fields.items() if value}, separators=(",", ":"))

    @property
    def start_at(self) -> datetime | None:
        return None if self.start is None else moment_of(self.start)

    def floor(self, now: datetime, overlap: timedelta) -> str | None:
        """The `min_id` to read forwards from, a little lower than what was read.

        A post from another server can arrive late, and gets an id of the time at which it was written. So
        the latest stretch is read again, as far as it is remembered.
        """
        if not overlap or not self.seen:
            return self.min_id
        settled = [post.id for post in self.seen if post.at <= (now - overlap).timestamp()]
        lowest = settled[-1] if settled else self.seen[0].id
        return lowest if self.min_id is None else min(lowest, self.min_id, key=id_order)

    def with_seen(self, posts: Iterable[Seen], bad: Iterable[str], limit: int) -> Cursor:
        """Remember more posts; the oldest above `limit` are forgotten."""
        known = {post.id: post for post in (*self.seen, *posts)}
        newest = sorted(known.values(), key=lambda post: id_order(post.id))[-limit:]
        keys = dict.fromkeys((*self.bad, *bad))
        return replace(self, seen=tuple(newest), bad=tuple(keys)[-BAD_LIMIT:])

    def without(self, ids: Iterable[str]) -> Cursor:
        gone = frozenset(ids)
        return replace(self, seen=tuple(post for post in self.seen if post.id not in gone))


def _seen(row: list[object]) -> Seen:
    post_id, root, text, uri, at = row
    if not is_id(root) or not isinstance(at, int):
        raise ValueError("no post")
    return Seen(str(post_id), str(root), str(text), str(uri), at)
