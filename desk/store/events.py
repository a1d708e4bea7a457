"""The event log and the policies that its events name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlite_utils import Database

from desk.model.case import CaseId
from desk.model.event import Event, EventKind
from desk.model.mention import MentionId
from desk.model.sla import SlaPolicy
from desk.store.columns import from_ms, to_json, to_ms


def append(db: Database, case_id: CaseId, events: Iterable[Event], recorded_at: datetime) -> None:
    """Add events to a case's log. A post that the log already has under the same kind is left out."""
    for event in events:
        db.execute(
            "INSERT INTO events (case_id, kind, at, recorded_at, actor, mention_id, data) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (case_id, kind, mention_id) DO NOTHING",
            (
                case_id,
                event.kind,
                to_ms(event.at),
                to_ms(recorded_at),
                event.actor,
                event.mention_id,
                to_json(event.data),
            ),
        )


def of_case(db: Database, case_id: CaseId) -> list[Event]:
    """The case's whole log in the order in which it was recorded."""
    return [
        event_of(row) for row in db.query("SELECT * FROM events WHERE case_id = ? ORDER BY seq", (case_id,))
    ]


def by_case(db: Database, opened_from: datetime, opened_to: datetime) -> Iterator[tuple[CaseId, list[Event]]]:
    """The logs of all cases opened in [from, to), one case at a time."""
    rows = db.query(
        "SELECT e.* FROM events e JOIN events o ON o.case_id = e.case_id AND o.kind = 'opened' "
        "WHERE o.at >= ? AND o.at < ? ORDER BY e.case_id, e.seq",
        (to_ms(opened_from), to_ms(opened_to)),
    )
    case_id: CaseId | None = None
    log: list[Event] = []
    for row in rows:
        if row["case_id"] != case_id:
            if case_id is not None:
                yield case_id, log
            case_id, log = CaseId(row["case_id"]), []
        log.append(event_of(row))
    if case_id is not None:
        yield case_id, log


def last_seq(db: Database) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def cases_touched_since(db: Database, seq: int) -> list[CaseId]:
    rows = db.execute("SELECT DISTINCT case_id FROM events WHERE seq > ? ORDER BY case_id", (seq,))
    return [CaseId(row[0]) for row in rows.fetchall()]


def cases_naming(db: Database, mention_id: MentionId) -> list[CaseId]:
    """The cases in whose logs a post stands."""
    rows = db.execute(
        "SELECT DISTINCT case_id FROM events WHERE mention_id = ? ORDER BY case_id", (mention_id,)
    )
    return [CaseId(row[0]) for row in rows.fetchall()]


def save_policy(db: Database, policy: SlaPolicy) -> None:
    db.execute(
        "INSERT INTO policies VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
        (policy.id, to_json(policy.to_json())),
    )


def policies(db: Database) -> dict[str, SlaPolicy]:
    """Every policy that any event names, by id."""
    rows = db.execute("SELECT id, definition FROM policies").fetchall()
    return {policy_id: _policy(definition) for policy_id, definition in rows}


@lru_cache(maxsize=256)
def _policy(definition: str) -> SlaPolicy:
    """Kept, because a calendar remembers the days that it has worked out."""
    return SlaPolicy.from_json(json.loads(definition))


def event_of(row: Mapping[str, Any]) -> Event:
    return Event(
        kind=EventKind(row["kind"]),
        at=from_ms(row["at"]),
        actor=row["actor"],
        mention_id=row["mention_id"],
        data=json.loads(row["data"]),
        seq=row["seq"],
        recorded_at=from_ms(row["recorded_at"]),
    )
