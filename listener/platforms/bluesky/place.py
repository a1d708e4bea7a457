"""Where a keyword source stands in the stream, and which posts it has brought lately."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from desk.errors import SourceError
from listener.platforms.bluesky.cursor import BAD_LIMIT, Seen, rows_of, seen_of
from listener.platforms.bluesky.events import Event, Wire
from listener.platforms.bluesky.ids import digest

MEMORY = 300
"""Posts remembered: for their edits, for their authors' leaving, and for a stretch that is read again."""
_PAUSE_FADES = 1_000
"""Events after which an unusual pause has lost most of its weight."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the stream; positions are inclusive, so it also says what was read at this very one."""

    time_us: int
    """All before it was read."""
    host: str = ""
    """Whose position it is; empty before anything was read."""
    wire: Wire | None = None
    seq: int | None = None
    """The last event read, on the second wire."""
    at_time: tuple[str, ...] = ()
    """Digests of the events read at `time_us`, on the first wire: several may share one time."""
    pause_us: int = 0
    """The longest pause between two events lately: what is quiet and what is missing differ by host."""
    seen: tuple[Seen, ...] = ()
    bad: tuple[str, ...] = ()

    @classmethod
    def first(cls, since: datetime) -> Place:
        return cls(int(since.timestamp() * 1_000_000))

    @classmethod
    def parse(cls, text: str, source: str) -> Place:
        """Raises SourceError for a text that no such source wrote."""
        try:
            data = json.loads(text)
            seq, wire = data.get("seq"), data.get("wire")
            return cls(
                time_us=_count(data["time_us"]),
                host=str(data.get("host", "")),
                wire=None if wire is None else Wire(wire),
                seq=None if seq is None else _count(seq),
                at_time=tuple(str(key) for key in data.get("at_time", ())),
                pause_us=_count(data.get("pause_us", 0)),
                seen=seen_of(data.get("seen", ())),
                bad=tuple(str(key) for key in data.get("bad", ())),
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that a Bluesky source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error

    def dump(self) -> str:
        fields = {
            "time_us": self.time_us,
            "host": self.host,
            "wire": self.wire,
            "seq": self.seq,
            "at_time": list(self.at_time),
            "pause_us": self.pause_us,
            "seen": rows_of(self.seen),
            "bad": list(self.bad),
        }
        return json.dumps({n: v for n, v in fields.items() if v not in (None, "", [])}, separators=(",", ":"))

    def has_read(self, event: Event, message: str | bytes) -> bool:
        """Whether an event is one that the inclusive position brings again."""
        if event.seq is not None and self.seq is not None:
            return event.seq <= self.seq
        return event.seq is None and event.time_us == self.time_us and _digest(message) in self.at_time

    def after(self, event: Event, message: str | bytes) -> Place:
        pause = self.pause_us - self.pause_us // _PAUSE_FADES
        if self.host:
            pause = max(pause, event.time_us - self.time_us)
        same = self.at_time if event.time_us == self.time_us else ()
        at_time = (*same, _digest(message)) if event.seq is None else ()
        return replace(self, time_us=event.time_us, seq=event.seq, at_time=at_time, pause_us=pause)

    def with_seen(self, posts: Iterable[Seen], bad: Iterable[str]) -> Place:
        known = {post.uri: post for post in self.seen}
        for post in posts:
            known.pop(post.uri, None)
            known[post.uri] = post
        keys = dict.fromkeys((*self.bad, *bad))
        return replace(self, seen=tuple(known.values())[-MEMORY:], bad=tuple(keys)[-BAD_LIMIT:])


def _digest(message: str | bytes) -> str:
    return digest(message if isinstance(message, str) else message.decode("utf-8", "replace"))


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no number")
    return value
