"""Where a feed that walks backwards stands, and which posts it has brought lately."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from desk.errors import SourceError
from listener.platforms.bluesky.ids import parts_of, post_uri

BAD_LIMIT = 50
"""Unreadable entries that are remembered, so that reading a stretch again does not bring them twice."""
_MOST_MS = 4_102_444_800_000
"""The year 2100."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A post that the source has brought."""

    uri: str
    key: str
    """Names the version that was brought."""
    text: str
    """Digest of the words: another one means an edit. Empty once the post is gone."""
    at: int
    """Where it stands in the feed, in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A pass through more pages than one."""

    page: str
    """Opaque: the next page to ask for."""
    floor: int
    """Entries before it are not wanted."""
    newest: int | None
    """The newest post known when the walk began; None on the first."""
    lowest: int | None = None
    """The earliest entry met so far."""
    met: bool = False
    """It has come to something known, or behind the floor: nothing can be missing."""
    barren: int = 0
    """Pages in a row that brought nothing new."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Each pass begins at the newest entry and goes back a little further than the last one began.

    A post may appear below others that are known, when the author's program says an earlier time than that
    of its arrival. So the stretch that is remembered is read again; what is remembered tells what is new.
    """

    start: int
    """Nothing before it is read: the beginning, or behind the newest post that was forgotten."""
    seen: tuple[Seen, ...] = ()
    """Oldest first."""
    bad: tuple[str, ...] = ()
    """Keys of entries that were set aside."""
    walk: Walk | None = None
    """None between passes."""

    @classmethod
    def first(cls, since: datetime) -> Cursor:
        return cls(start=int(since.timestamp() * 1_000))

    @classmethod
    def parse(cls, text: str, source: str) -> Cursor:
        """Raises SourceError for a text that no such source wrote."""
        try:
            data = json.loads(text)
            walk = data.get("walk")
            return cls(
                start=_ms(data["start"]),
                seen=seen_of(data.get("seen", ())),
                bad=tuple(str(key) for key in data.get("bad", ())),
                walk=None if walk is None else _walk(walk),
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that a Bluesky source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error

    def dump(self) -> str:
        fields: dict[str, object] = {"start": self.start, "seen": rows_of(self.seen), "bad": list(self.bad)}
        if self.walk is not None:
            walk = self.walk
            fields["walk"] = [walk.page, walk.floor, walk.newest, walk.lowest, walk.met, walk.barren]
        return json.dumps({n: v for n, v in fields.items() if v or n == "start"}, separators=(",", ":"))

    @property
    def newest(self) -> int | None:
        return self.seen[-1].at if self.seen else None

    def floor(self, overlap: timedelta) -> int:
        """How far back the next pass goes."""
        if self.newest is None:
            return self.start
        return max(self.start, self.newest - int(overlap.total_seconds() * 1_000))

    def with_seen(
        self, posts: Iterable[Seen], bad: Iterable[str], limit: int, known_to: int | None = None
    ) -> Cursor:
        """Remember more posts; the oldest above `limit` are forgotten, and the start moves behind them.

        What was known when a walk began, up to the time `known_to`, stays until the walk is over: it will
        still come to it.
        """
        known = {post.uri: post for post in (*self.seen, *posts)}
        ordered = sorted(known.values(), key=lambda post: post.at)
        ahead = [post for post in ordered if known_to is not None and post.at <= known_to]
        rest = ordered[len(ahead) :]
        kept, forgotten = (*ahead, *rest[-limit:]), rest[:-limit]
        start = max((self.start, *(post.at + 1 for post in forgotten)))
        keys = dict.fromkeys((*self.bad, *bad))
        return replace(self, start=start, seen=tuple(kept), bad=tuple(keys)[-BAD_LIMIT:])

    def with_gone(self, uris: Iterable[str]) -> Cursor:
        """Posts that are gone stay known: a feed that still lists them must not bring them back."""
        gone = frozenset(uris)
        return replace(self, seen=tuple(replace(p, text="") if p.uri in gone else p for p in self.seen))


def rows_of(posts: Iterable[Seen]) -> list[list[object]]:
    """As short as they can be: a cursor is written with every batch."""
    rows: list[list[object]] = []
    for post in posts:
        parts = parts_of(post.uri)
        assert parts is not None, "only posts are remembered"  # noqa: S101
        rows.append([*parts, post.key, post.text, post.at])
    return rows


def seen_of(rows: Iterable[Iterable[object]]) -> tuple[Seen, ...]:
    """Raises ValueError, TypeError."""
    posts = []
    for did, key, version, text, at in rows:
        uri = post_uri(str(did), str(key))
        if parts_of(uri) is None:
            raise ValueError("no post")
        posts.append(Seen(uri, str(version), str(text), _ms(at)))
    return tuple(posts)


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, tz=UTC)


def _walk(row: list[object]) -> Walk:
    page, floor, newest, lowest, met, barren = row
    return Walk(
        str(page),
        _ms(floor),
        None if newest is None else _ms(newest),
        None if lowest is None else _ms(lowest),
        met is True,
        _ms(barren),
    )


def _ms(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MOST_MS:
        raise ValueError("no time")
    return value
