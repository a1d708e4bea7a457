"""How far a step that reads the event log has come."""

from __future__ import annotations

from sqlite_utils import Database


def get(db: Database, name: str) -> int:
    row = db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def put(db: Database, name: str, value: int) -> None:
    db.execute(
        "INSERT INTO marks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
