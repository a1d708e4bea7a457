"""Where each source stands, what it missed, and what it brought that could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

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
        "INSERT INTO sources VALUES (?, ?, 'ok', ?, '', ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "cursor = coalesce(excluded.cursor, cursor), state = 'ok', last_error = '', "
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
        "INSERT INTO sources (name, state, last_success_at, last_error) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET state = excluded.state, last_error = excluded.last_error",
        (status.name, status.state, to_ms_or_none(status.last_success_at), status.last_error),
    )


def statuses(db: Database) -> list[SourceStatus]:
    rows = db.execute(
        "SELECT name, state, last_success_at, last_error, newest_post_at, headroom FROM sources ORDER BY name"
    )
    return [
        SourceStatus(
            name,
            state,
            from_ms_or_none(success),
            error,
            from_ms_or_none(newest),
            None if room is None else _room_of(room),
        )
        for name, state, success, error, newest, room in rows.fetchall()
    ]


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


def quarantined(db: Database) -> Iterator[Quarantined]:
    for source, position, reason, raw, seen_at in db.execute(
        "SELECT source, position, reason, raw, seen_at FROM quarantine ORDER BY id"
    ):
        yield Quarantined(source, position, reason, raw, from_ms(seen_at))
