"""Where each source stands, and what it brought that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from desk.ports import BadRecord
from desk.store.columns import from_ms, from_ms_or_none, to_ms, to_ms_or_none


@dataclass(frozen=True, slots=True)
class SourceStatus:
    name: str
    state: str
    """What the source said of itself last: "ok", "backing off", …"""
    last_success_at: datetime | None
    last_error: str


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


def save_cursor(db: Database, name: str, cursor: str | None, at: datetime) -> None:
    """A fetch succeeded; None keeps the old cursor."""
    db.execute(
        "INSERT INTO sources VALUES (?, ?, 'ok', ?, '') ON CONFLICT (name) DO UPDATE SET "
        "cursor = coalesce(excluded.cursor, cursor), state = 'ok', "
        "last_success_at = excluded.last_success_at",
        (name, cursor, to_ms(at)),
    )


def save_status(db: Database, status: SourceStatus) -> None:
    """Keep what a source says of itself; its cursor stays."""
    db.execute(
        "INSERT INTO sources VALUES (?, NULL, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "state = excluded.state, last_success_at = coalesce(excluded.last_success_at, last_success_at), "
        "last_error = excluded.last_error",
        (status.name, status.state, to_ms_or_none(status.last_success_at), status.last_error),
    )


def statuses(db: Database) -> list[SourceStatus]:
    rows = db.execute("SELECT name, state, last_success_at, last_error FROM sources ORDER BY name")
    return [
        SourceStatus(name, state, from_ms_or_none(success), error)
        for name, state, success, error in rows.fetchall()
    ]


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


def quarantined(db: Database) -> Iterator[Quarantined]:
    for source, position, reason, raw, seen_at in db.execute(
        "SELECT source, position, reason, raw, seen_at FROM quarantine ORDER BY id"
    ):
        yield Quarantined(source, position, reason, raw, from_ms(seen_at))
