"""Alerts, and their way to each channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from desk.model.alert import Alert, AlertId, AlertKind, Delivery, DeliveryState, Subject
from desk.model.case import CaseId
from desk.model.health import SourceName
from desk.store.columns import from_ms, not_before, to_ms


def insert(
    db: Database, *, kind: AlertKind, subject: Subject, window: str, at: datetime, raised_at: datetime
) -> AlertId | None:
    """A new alert; None where the same one was raised before."""
    row = db.execute(
        f'INSERT INTO alerts (kind, {_column(subject)}, "window", at, raised_at) VALUES (?, ?, ?, ?, ?) '
        "ON CONFLICT DO NOTHING RETURNING id",
        (kind, subject, window, to_ms(at), to_ms(raised_at)),
    ).fetchone()
    return AlertId(row[0]) if row else None


def is_news(db: Database, kind: AlertKind, subject: Subject, window: str) -> bool:
    """Whether the alert is not known yet."""
    row = db.execute(
        f'SELECT 1 FROM alerts WHERE {_column(subject)} = ? AND kind = ? AND "window" = ?',
        (subject, kind, window),
    ).fetchone()
    return row is None


def address(
    db: Database, kind: AlertKind, subject: Subject, window: str, channels: Iterable[str], at: datetime
) -> None:
    """Give a known alert a delivery to each channel, due at once; one that it has stays as it is."""
    for channel in channels:
        db.execute(
            "INSERT INTO deliveries SELECT id, ?, 'pending', 0, ?, '' FROM alerts "
            f'WHERE {_column(subject)} = ? AND kind = ? AND "window" = ? ON CONFLICT DO NOTHING',
            (channel, to_ms(at), subject, kind, window),
        )


def _column(subject: Subject) -> str:
    return "case_id" if isinstance(subject, int) else "source"


_DELIVERY = (
    'SELECT a.id, a.kind, a.case_id, a.source, a."window", a.at, a.raised_at, d.channel, d.state, '
    "d.attempts, d.next_attempt_at, d.last_error FROM deliveries d JOIN alerts a ON a.id = d.alert_id "
)


def due(db: Database, now: datetime) -> list[Delivery]:
    """Deliveries to try now, oldest alert first."""
    rows = db.query(
        _DELIVERY + "WHERE d.state = 'pending' AND d.next_attempt_at <= ? ORDER BY a.id, d.channel",
        (to_ms(now),),
    )
    return [_delivery(row) for row in rows]


def in_state(db: Database, state: DeliveryState) -> list[Delivery]:
    rows = db.query(_DELIVERY + "WHERE d.state = ? ORDER BY a.id, d.channel", (state,))
    return [_delivery(row) for row in rows]


def change(
    db: Database,
    delivery: Delivery,
    state: DeliveryState,
    *,
    attempts: int,
    next_attempt_at: datetime | None = None,
    error: str = "",
) -> bool:
    """Compare and set on the number of attempts: False where another process has it."""
    row = db.execute(
        "UPDATE deliveries SET state = ?, attempts = ?, next_attempt_at = ?, last_error = ? "
        "WHERE alert_id = ? AND channel = ? AND attempts = ? AND state = ? RETURNING alert_id",
        (
            state,
            attempts,
            not_before(next_attempt_at or delivery.next_attempt_at),
            error,
            delivery.alert.id,
            delivery.channel,
            delivery.attempts,
            delivery.state,
        ),
    ).fetchone()
    return row is not None


def count(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM alerts").fetchone()[0])


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(
        alert=Alert(
            id=AlertId(row["id"]),
            kind=AlertKind(row["kind"]),
            subject=SourceName(row["source"]) if row["case_id"] is None else CaseId(row["case_id"]),
            window=row["window"],
            at=from_ms(row["at"]),
            raised_at=from_ms(row["raised_at"]),
        ),
        channel=row["channel"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        next_attempt_at=from_ms(row["next_attempt_at"]),
        last_error=row["last_error"],
    )
