"""The queue as agents see it: a page at a time, what is due first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from desk.model.case import Case
from desk.store.cases import case_of
from desk.store.columns import to_ms
from desk.store.connection import Store

_NEVER = 9_223_372_036_854_775_807
"""Sorts what has no due time behind everything that has."""


class Shelf(StrEnum):
    """The named parts of the queue."""

    TODO = "todo"
    """New and assigned: our turn."""
    MINE = "mine"
    """Everything open that the agent has claimed."""
    WAITING = "waiting"
    SNOOZED = "snoozed"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    shelf: Shelf = Shelf.TODO
    agent: str = ""
    """Whose cases `Shelf.MINE` shows."""
    brand: str | None = None
    source: str | None = None
    search: str = ""
    """Words to find in the case's posts, in the customer's handle or name."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    case: Case
    handle: str
    customer_name: str
    excerpt: str
    """The customer's latest post, raw: outside text."""
    replyable: bool
    complaint: float
    """The latest post's probability, 0 to 1."""
    negative: float
    copies: int = 0
    """Posts elsewhere that only repeat the first one's words."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many cases each shelf holds, and how many of our turn are overdue."""

    by_shelf: dict[Shelf, int]
    overdue: int


Key = tuple[int, int, int]
"""Where a page ended: due time (minus closing time where closed) in milliseconds, severity, case id."""


@dataclass(frozen=True, slots=True)
class QueuePage:
    rows: tuple[QueueRow, ...]
    next_key: Key | None
    """Hand it to `page` for the following rows; None at the end."""


_EXCERPT_LENGTH = 400
_DUE = f"coalesce(c.due_at, {_NEVER})"
"""Spelled as in the index `cases_open_due`, so that the planner may use it."""
_LAST_CLOSED = "-coalesce(c.closed_at, 0)"
"""Spelled as in the index `cases_closed`: what was closed last comes first."""
_SHELVES = {
    Shelf.TODO: "c.state IN ('new', 'assigned')",
    Shelf.MINE: "c.state NOT IN ('resolved', 'dismissed') AND c.assignee = :agent",
    Shelf.WAITING: "c.state = 'waiting'",
    Shelf.SNOOZED: "c.state = 'snoozed'",
    Shelf.CLOSED: "c.state IN ('resolved', 'dismissed')",
    Shelf.ALL: "1 = 1",
}
# Repeats the condition of the index that serves the open shelves, so that the planner may use it.
_OPEN = "c.state NOT IN ('resolved', 'dismissed')"
_OPEN_SHELVES = frozenset({Shelf.TODO, Shelf.MINE, Shelf.WAITING, Shelf.SNOOZED})


def page(store: Store, wanted: QueueFilter, after: Key | None = None, limit: int = 100) -> QueuePage:
    """The next rows after a key: overdue first, then due soonest, then most severe, then oldest.

    An overdue case's due time lies before all others', so one ascending order does all of it. What is closed
    is due no more: there the last closed comes first.
    """
    where, values = _conditions(wanted)
    first = _LAST_CLOSED if wanted.shelf is Shelf.CLOSED else _DUE
    if after is not None:
        where.append(f"({first}, -c.severity, c.id) > (:key_first, :key_severity, :key_id)")
        values |= {"key_first": after[0], "key_severity": -after[1], "key_id": after[2]}
    with store.read() as db:
        found = list(
            db.query(
                f"""
                WITH chosen AS (
                    SELECT c.* FROM cases c WHERE {" AND ".join(where)}
                    ORDER BY {first}, c.severity DESC, c.id LIMIT :limit
                )
                SELECT c.*, m.handle, m.author_name, substr(m.text, 1, {_EXCERPT_LENGTH}) AS excerpt,
                    m.replyable, coalesce(v.complaint, 0) AS complaint, coalesce(v.negative, 0) AS negative,
                    (SELECT count(*) FROM mentions x WHERE x.case_id = c.id AND x.decision = 'copy'
                        AND x.deleted_at IS NULL) AS copies
                FROM chosen c JOIN mentions m ON m.id = c.last_mention_id
                LEFT JOIN verdicts v ON v.mention_id = c.last_mention_id
                ORDER BY {first}, c.severity DESC, c.id
                """,
                {**values, "limit": limit + 1},
            )
        )
    rows = tuple(
        QueueRow(
            case=case_of(row),
            handle=row["handle"],
            customer_name=row["author_name"],
            excerpt=row["excerpt"],
            replyable=bool(row["replyable"]),
            complaint=row["complaint"],
            negative=row["negative"],
            copies=row["copies"],
        )
        for row in found[:limit]
    )
    return QueuePage(rows, _key(rows, wanted.shelf) if len(found) > limit else None)


def counts(store: Store, wanted: QueueFilter, now: datetime) -> QueueCounts:
    """Sizes of all shelves under the filter's other conditions."""
    by_shelf: dict[Shelf, int] = {}
    with store.read() as db:
        for shelf in Shelf:
            where, values = _conditions(
                QueueFilter(shelf, wanted.agent, wanted.brand, wanted.source, wanted.search)
            )
            row = db.execute(f"SELECT count(*) FROM cases c WHERE {' AND '.join(where)}", values).fetchone()
            by_shelf[shelf] = int(row[0])
        where, values = _conditions(QueueFilter(Shelf.TODO, "", wanted.brand, wanted.source, wanted.search))
        overdue = db.execute(
            f"SELECT count(*) FROM cases c WHERE {' AND '.join(where)} AND c.due_at <= :now",
            {**values, "now": to_ms(now)},
        ).fetchone()
    return QueueCounts(by_shelf, int(overdue[0]))


def _key(rows: Sequence[QueueRow], shelf: Shelf) -> Key | None:
    if not rows:
        return None
    last = rows[-1].case
    if shelf is Shelf.CLOSED:
        first = -to_ms(last.closed_at) if last.closed_at else 0
    else:
        first = to_ms(last.due_at) if last.due_at else _NEVER
    return (first, int(last.severity), last.id)


def _conditions(wanted: QueueFilter) -> tuple[list[str], dict[str, str | int]]:
    where = [_SHELVES[wanted.shelf]]
    values: dict[str, str | int] = {"agent": wanted.agent}
    if wanted.shelf in _OPEN_SHELVES:
        where.append(_OPEN)
    if wanted.brand is not None:
        where.append("c.brand = :brand")
        values["brand"] = wanted.brand
    if wanted.source is not None:
        where.append("c.source = :source")
        values["source"] = wanted.source
    if wanted.search.strip():
        where.append(
            "c.id IN (SELECT m.case_id FROM mentions_fts f JOIN mentions m ON m.seq = f.rowid "
            "WHERE mentions_fts MATCH :search)"
        )
        values["search"] = fts_query(wanted.search)
    return where, values


def fts_query(words: str) -> str:
    """A person's words as a query that every word must match, the last one from its beginning.

    Each word is quoted, so that nothing a person types is read as the query language's syntax.
    """
    # The query language ends at a NUL, also inside quotes.
    quoted = ['"' + word.replace('"', '""') + '"' for word in words.replace("\0", " ").split()]
    return " ".join(quoted) + "*" if quoted else '""'
