"""Cases: the projection of their events, kept in a table so that a queue can be read from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from desk.model.case import Case, CaseId, CaseState, Opening, Severity
from desk.model.customer import CustomerId
from desk.model.mention import ConversationId, MentionId
from desk.model.sla import Clock
from desk.store.columns import from_ms, from_ms_or_none, to_ms, to_ms_or_none

_COLUMNS = (
    "id, conversation, source, brand, customer_id, opening, language, state, severity, assignee, policy_id, "
    "opened_at, due_at, due_clock, snoozed_until, first_response_at, closed_at, last_mention_id, "
    "last_customer_at, unanswered, linked_case_id, version"
)


def next_id(db: Database) -> CaseId:
    """The id of the next case. Only inside a write transaction, which keeps others from taking it."""
    return CaseId(db.execute("SELECT coalesce(max(id), 0) + 1 FROM cases").fetchone()[0])


def save(db: Database, case: Case) -> None:
    values = (
        case.id,
        case.conversation,
        case.source,
        case.brand,
        case.customer_id,
        case.opening,
        case.language,
        case.state,
        case.severity,
        case.assignee,
        case.policy_id,
        to_ms(case.opened_at),
        to_ms_or_none(case.due_at),
        case.due_clock,
        to_ms_or_none(case.snoozed_until),
        to_ms_or_none(case.first_response_at),
        to_ms_or_none(case.closed_at),
        case.last_mention_id,
        to_ms(case.last_customer_at),
        case.unanswered,
        case.linked_case_id,
        case.version,
    )
    names = _COLUMNS.split(", ")
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    db.execute(
        f"INSERT INTO cases ({_COLUMNS}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT (id) DO UPDATE SET {changes}",
        values,
    )


def get(db: Database, case_id: CaseId) -> Case | None:
    rows = db.query(f"SELECT {_COLUMNS} FROM cases WHERE id = ?", (case_id,))
    return next((case_of(row) for row in rows), None)


def of_mention(db: Database, mention_id: MentionId) -> Case | None:
    """The case to which a post belongs, or into which it was folded as a copy."""
    row = db.execute("SELECT case_id FROM mentions WHERE id = ?", (mention_id,)).fetchone()
    return None if row is None or row[0] is None else get(db, row[0])


def of_conversation(
    db: Database, conversation: ConversationId, customer_id: CustomerId | None = None
) -> list[Case]:
    """The conversation's cases, newest first; of one customer where one is given."""
    rows = db.query(
        f"SELECT {_COLUMNS} FROM cases WHERE conversation = ? AND (? IS NULL OR customer_id = ?) "
        "ORDER BY id DESC",
        (conversation, customer_id, customer_id),
    )
    return [case_of(row) for row in rows]


def of_customer(db: Database, customer_id: CustomerId) -> list[Case]:
    """All cases of a customer, newest first."""
    rows = db.query(
        f"SELECT {_COLUMNS} FROM cases WHERE customer_id = ? ORDER BY opened_at DESC, id DESC", (customer_id,)
    )
    return [case_of(row) for row in rows]


def due_between(db: Database, after_ms: int, until: datetime) -> list[CaseId]:
    """Open cases with a clock that is due after the one and not after the other.

    A case knows its earliest due time only: behind an overdue resolution a response may fall due at any time,
    so such cases are always among them.
    """
    rows = db.execute(
        "SELECT id FROM cases WHERE state NOT IN ('resolved', 'dismissed') "
        "AND coalesce(due_at, 9223372036854775807) <= ? "
        "AND (due_at > ? OR (due_clock = 'resolution' AND unanswered > 0))",
        (to_ms(until), after_ms),
    )
    return [CaseId(row[0]) for row in rows.fetchall()]


def snoozed_until(db: Database, moment: datetime) -> list[CaseId]:
    """Snoozed cases whose time has come."""
    rows = db.execute(
        "SELECT id FROM cases WHERE state = 'snoozed' AND snoozed_until <= ? ORDER BY id", (to_ms(moment),)
    )
    return [CaseId(row[0]) for row in rows.fetchall()]


def case_of(row: Mapping[str, Any]) -> Case:
    return Case(
        id=CaseId(row["id"]),
        conversation=row["conversation"],
        source=row["source"],
        brand=row["brand"],
        customer_id=CustomerId(row["customer_id"]),
        opening=Opening(row["opening"]),
        language=row["language"],
        state=CaseState(row["state"]),
        severity=Severity(row["severity"]),
        assignee=row["assignee"],
        policy_id=row["policy_id"],
        opened_at=from_ms(row["opened_at"]),
        due_at=from_ms_or_none(row["due_at"]),
        due_clock=Clock(row["due_clock"]) if row["due_clock"] else None,
        snoozed_until=from_ms_or_none(row["snoozed_until"]),
        first_response_at=from_ms_or_none(row["first_response_at"]),
        closed_at=from_ms_or_none(row["closed_at"]),
        last_mention_id=row["last_mention_id"],
        last_customer_at=from_ms(row["last_customer_at"]),
        unanswered=row["unanswered"],
        linked_case_id=row["linked_case_id"],
        version=row["version"],
    )
