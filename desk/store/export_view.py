"""The store row by row, for those who want to count for themselves.

Rows come in small pages, each read in a transaction of its own: memory stays bounded, no long transaction
keeps the write-ahead log from being folded in, and a caller may write in between. A row that changes
meanwhile is exported as its page found it. Times are ISO 8601 in UTC with milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from desk.model.case import Severity
from desk.store.columns import from_ms, to_ms
from desk.store.connection import Store

Row = dict[str, Any]
_PAGE = 500

CASE_COLUMNS = (
    "case_id", "source", "brand", "conversation", "customer_id", "opening", "language", "state", "severity",
    "assignee", "policy", "opened_at", "first_response_at", "closed_at", "due_at", "due_clock",
    "snoozed_until", "last_customer_at", "unanswered_posts", "linked_case_id", "version",
)  # fmt: skip
MENTION_COLUMNS = (
    "mention_id", "source", "external_id", "conversation", "in_reply_to", "brand", "case_id", "customer_id",
    "author_id", "handle", "author_name", "from_brand", "automatic", "private", "created_at",
    "received_at", "edited_at", "deleted_at", "language", "text", "url", "decision", "reasons", "complaint",
    "is_complaint", "needs_look", "negative", "neutral", "positive", "verdict_language", "model", "anger",
    "abuse", "reason",
)  # fmt: skip
EVENT_COLUMNS = ("seq", "case_id", "kind", "at", "recorded_at", "actor", "mention_id", "data")


def cases(
    store: Store, *, opened_from: datetime | None = None, opened_to: datetime | None = None
) -> Iterator[Row]:
    """Cases as they stand, by id; of those opened in [from, to) where that is given."""
    sql = (
        "SELECT id AS case_id, source, brand, conversation, customer_id, opening, language, state, "
        "severity, assignee, policy_id AS policy, opened_at, first_response_at, closed_at, due_at, "
        "due_clock, snoozed_until, last_customer_at, unanswered AS unanswered_posts, linked_case_id, version "
        "FROM cases WHERE id > :after AND (:since IS NULL OR opened_at >= :since) "
        "AND (:until IS NULL OR opened_at < :until) ORDER BY id LIMIT :page"
    )
    values = {
        "since": None if opened_from is None else to_ms(opened_from),
        "until": None if opened_to is None else to_ms(opened_to),
    }
    return _paged(store, sql, "case_id", _case, values)


def mentions(store: Store) -> Iterator[Row]:
    """Every post in the order of its arrival, with its verdict (None without one) and what was decided.

    Of a post that its author has deleted no text, author or address is given, whatever the table holds.
    """
    kept = "CASE WHEN m.deleted_at IS NULL THEN {} ELSE '' END AS {}"
    columns = ", ".join(kept.format(f"m.{c}", c) for c in ("author_id", "handle", "author_name", "text"))
    sql = (
        f"SELECT m.seq AS after_seq, m.id AS mention_id, {columns}, m.source, m.external_id, m.conversation, "
        "m.in_reply_to, m.brand, m.case_id, m.customer_id, m.from_brand, m.automatic, m.private, "
        "m.created_at, m.received_at, m.edited_at, m.deleted_at, m.language, "
        "CASE WHEN m.deleted_at IS NULL THEN m.url END AS url, m.decision, m.reasons, v.complaint, "
        "v.is_complaint, v.needs_look, v.negative, v.neutral, v.positive, "
        "v.language AS verdict_language, v.model, v.anger, v.abuse, v.reason "
        "FROM mentions m LEFT JOIN verdicts v ON v.mention_id = m.id AND m.deleted_at IS NULL "
        "WHERE m.seq > :after ORDER BY m.seq LIMIT :page"
    )
    return _paged(store, sql, "after_seq", _mention, {})


def events(store: Store) -> Iterator[Row]:
    """The whole event log as it was recorded. `data` is a mapping, its keys by kind (`desk.model.event`)."""
    sql = (
        "SELECT seq, case_id, kind, at, recorded_at, actor, mention_id, data FROM events "
        "WHERE seq > :after ORDER BY seq LIMIT :page"
    )
    return _paged(store, sql, "seq", _event, {})


def _paged(
    store: Store, sql: str, key: str, row_of: Callable[[Row], Row], values: dict[str, int | None]
) -> Iterator[Row]:
    """`key` is the column that the statement orders by and compares with `:after`."""
    after = -1
    while True:
        with store.read() as db:
            page = list(db.query(sql, {**values, "after": after, "page": _PAGE}))
        yield from map(row_of, page)
        if len(page) < _PAGE:
            return
        after = page[-1][key]


def _case(row: Row) -> Row:
    changed = {
        "severity": Severity(row["severity"]).word,
        **{column: _iso(row[column]) for column in CASE_COLUMNS if column.endswith(("_at", "_until"))},
    }
    return _ordered(CASE_COLUMNS, row | changed)


def _mention(row: Row) -> Row:
    flags = ("from_brand", "automatic", "private", "is_complaint", "needs_look")
    changed = {
        "reasons": " ".join(json.loads(row["reasons"] or "[]")),
        **{flag: None if row[flag] is None else bool(row[flag]) for flag in flags},
        **{column: _iso(row[column]) for column in MENTION_COLUMNS if column.endswith("_at")},
    }
    return _ordered(MENTION_COLUMNS, row | changed)


def _event(row: Row) -> Row:
    changed = {
        "at": _iso(row["at"]),
        "recorded_at": _iso(row["recorded_at"]),
        "data": json.loads(row["data"]),
    }
    return _ordered(EVENT_COLUMNS, row | changed)


def _ordered(columns: tuple[str, ...], row: Row) -> Row:
    return {column: row[column] for column in columns}


def _iso(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
