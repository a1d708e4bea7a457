"""How far a feed of X was read: the documented rule of pages and lower bounds, as text to keep."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from desk.errors import SourceError
from listener.platforms.x.posts import is_id, time_of


@dataclass(frozen=True, slots=True)
class XCursor:
    """A pass reads page after page under the same lower bound; the bound moves only after the last page."""

    since_id: str | None = None
    start_time: str | None = None
    """The lower bound until a first post has given a `since_id`."""
    pending_newest_id: str | None = None
    """Of the pass's first page: the next `since_id`."""
    next_token: str | None = None
    passed: int = 0
    """Posts of the pass so far."""

    @classmethod
    def parse(cls, text: str, source: str) -> XCursor:
        try:
            cursor = cls(**json.loads(text))
            for value in (cursor.since_id, cursor.pending_newest_id):
                if value is not None and not is_id(value):
                    raise ValueError(value)
            cursor.since()
            return replace(cursor, passed=int(cursor.passed))
        except (ValueError, TypeError) as error:
            raise SourceError(
                f"The cursor of source {source} is not one that an X source wrote ({text[:80]!r}); "
                "remove that cursor to begin anew.",
                permanent=True,
            ) from error

    def since(self) -> datetime | None:
        """The lower bound as a time; None for an id older than the scheme that holds one."""
        if self.since_id is not None:
            return time_of(self.since_id)
        return None if self.start_time is None else datetime.fromisoformat(self.start_time)

    def dump(self) -> str:
        fields = (
            ("since_id", self.since_id),
            ("start_time", self.start_time),
            ("pending_newest_id", self.pending_newest_id),
            ("next_token", self.next_token),
            ("passed", self.passed),
        )
        return json.dumps({name: value for name, value in fields if value})


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
