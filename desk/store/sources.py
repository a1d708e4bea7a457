"""Where each source stands, what it missed, and what it brought that could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from desk.model.health import SourceName, silent_at
from desk.ports import BadRecord, Batch, Gap, Headroom
from desk.store.columns import from_ms, from_ms_or_none, to_json, to_ms, to_ms_or_none


@dataclass(frozen=True, slots=True)
class SourceStatus:
    name: str
    state: str
    """What the source said of itself last: "ok", "backing_off", …"""
    last_success_at: datetime | None
    last_error: str
    newest_post_at: datetime | None = None
    """The latest post it ever brought: far behind the clock means quiet, or a lag."""
    headroom: Headroom | None = None
    permanent_since: datetime | None = None
    """Since when it refuses for good; None where it may come back by itself."""
    interval_seconds: float = 0.0
    listened_since: datetime | None = None
    """Since when a process has listened to it without a break; None where none ever did."""
    listened_until: datetime | None = None
    """When such a process last said that it lives."""

    def silent_at(self, silent_after: timedelta) -> datetime | None:
        """When the source fell or will fall silent, if nothing comes; None where nobody ever listened to it.

        The time in which nobody listened is nobody's silence: it counts from the start of the listening. One
        that refuses for good is silent at once.
        """
        if self.listened_since is None:
            return None
        heard_at = max(self.last_success_at or self.listened_since, self.listened_since)
        at = silent_at(heard_at, self.interval_seconds, silent_after)
        if self.permanent_since is None:
            return at
        return min(at, max(self.permanent_since, self.listened_since))

    @property
    def last_success(self) -> str:
        """Names a silence: two with no success between them are one."""
        return "never" if self.last_success_at is None else self.last_success_at.isoformat()

    def is_listened_to(self, now: datetime) -> bool:
        return self.listened_until is not None and now - self.listened_until <= _MISSED_AFTER


_MISSED_AFTER = timedelta(seconds=90)
"""A listener that has not said for so long that it lives does not."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    source: str
    position: str
    reason: str
    raw: str
    seen_at: datetime


def cursor(db: Database, name: str) -> str | None:
    row = db.execute("SELECT cursor FROM sources WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def save_fetch(db: Database, name: str, batch: Batch, at: datetime) -> None:
    """A fetch succeeded: keep its cursor, where it gave one, and what it told of the source."""
    newest = max((min(post.created_at, post.received_at) for post in batch.mentions), default=None)
    room = batch.headroom
    db.execute(
        "INSERT INTO sources (name, cursor, state, last_success_at, last_error, newest_post_at, headroom) "
        "VALUES (?, ?, 'ok', ?, '', ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "cursor = coalesce(excluded.cursor, cursor), state = 'ok', last_error = '', permanent_since = NULL, "
        "last_success_at = excluded.last_success_at, "
        "newest_post_at = coalesce(max(excluded.newest_post_at, newest_post_at), "
        "excluded.newest_post_at, newest_post_at), "
        "headroom = coalesce(excluded.headroom, headroom)",
        (name, batch.cursor, to_ms(at), to_ms_or_none(newest), None if room is None else _room_text(room)),
    )
    for gap in batch.gaps:
        db.execute(
            "INSERT INTO gaps VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (name, to_ms(gap.since), to_ms(gap.until), gap.reason, to_ms(at)),
        )


def save_failure(db: Database, status: SourceStatus) -> None:
    """Keep what a source says of itself when a fetch did not succeed; everything else stays."""
    db.execute(
        "INSERT INTO sources (name, state, last_success_at, last_error, permanent_since) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state, "
        "last_error = excluded.last_error, permanent_since = CASE WHEN excluded.permanent_since IS NOT NULL "
        "THEN coalesce(permanent_since, excluded.permanent_since) END",
        (
            status.name,
            status.state,
            to_ms_or_none(status.last_success_at),
            status.last_error,
            to_ms_or_none(status.permanent_since),
        ),
    )


def listen(db: Database, intervals: Mapping[str, float], now: datetime) -> None:
    """A process says that it listens to these sources, each by its interval in seconds.

    To be said more often than `_MISSED_AFTER`: after a longer pause the listening counts as begun anew.
    """
    for name, interval_seconds in intervals.items():
        db.execute(
            "INSERT INTO sources (name, state, last_error, interval_seconds, listened_since, listened_until) "
            "VALUES (:name, 'ok', '', :interval, :now, :now) ON CONFLICT (name) DO UPDATE SET "
            "interval_seconds = :interval, listened_until = :now, "
            "listened_since = CASE WHEN listened_until >= :fresh THEN listened_since ELSE :now END",
            {
                "name": name,
                "interval": interval_seconds,
                "now": to_ms(now),
                "fresh": to_ms(now - _MISSED_AFTER),
            },
        )


_STATUS = (
    "SELECT name, state, last_success_at, last_error, newest_post_at, headroom, permanent_since, "
    "interval_seconds, listened_since, listened_until FROM sources "
)


def statuses(db: Database) -> list[SourceStatus]:
    return [_status(row) for row in db.query(_STATUS + "ORDER BY name")]


def status(db: Database, name: SourceName) -> SourceStatus | None:
    return next((_status(row) for row in db.query(_STATUS + "WHERE name = ?", (name,))), None)


def _status(row: Mapping[str, Any]) -> SourceStatus:
    return SourceStatus(
        name=SourceName(row["name"]),
        state=row["state"],
        last_success_at=from_ms_or_none(row["last_success_at"]),
        last_error=row["last_error"],
        newest_post_at=from_ms_or_none(row["newest_post_at"]),
        headroom=None if row["headroom"] is None else _room_of(row["headroom"]),
        permanent_since=from_ms_or_none(row["permanent_since"]),
        interval_seconds=row["interval_seconds"] or 0.0,
        listened_since=from_ms_or_none(row["listened_since"]),
        listened_until=from_ms_or_none(row["listened_until"]),
    )


def gaps(db: Database) -> list[tuple[str, Gap]]:
    """The ledger of what may be missing: source and stretch, oldest first."""
    rows = db.execute("SELECT source, since, until, reason FROM gaps ORDER BY since, source")
    return [(source, Gap(from_ms(since), from_ms(until), reason)) for source, since, until, reason in rows]


def _room_text(room: Headroom) -> str:
    resets = None if room.resets_at is None else to_ms(room.resets_at)
    return to_json({"remaining": room.remaining, "limit": room.limit, "resets_at": resets})


def _room_of(text: str) -> Headroom:
    data = json.loads(text)
    return Headroom(data["remaining"], data["limit"], from_ms_or_none(data["resets_at"]))


def quarantine(db: Database, name: str, records: Iterable[BadRecord], at: datetime) -> int:
    """Keep records that could not be read; how many of them were not known yet."""
    added = 0
    for record in records:
        row = db.execute(
            "INSERT INTO quarantine (source, position, reason, raw, seen_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING id",
            (name, record.position, record.reason, record.raw, to_ms(at)),
        ).fetchone()
        added += row is not None
    return added


def release(db: Database, name: str, position: str) -> None:
    """Forget a record that could be read after all, or may not be kept."""
    db.execute("DELETE FROM quarantine WHERE source = ? AND position = ?", (name, position))


def quarantined(db: Database) -> Iterator[Quarantined]:
    for source, position, reason, raw, seen_at in db.execute(
        "SELECT source, position, reason, raw, seen_at FROM quarantine ORDER BY id"
    ):
        yield Quarantined(source, position, reason, raw, from_ms(seen_at))
