"""Drafts and the outbox's rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from desk.model.case import CaseId
from desk.model.mention import Mention, MentionId
from desk.model.reply import Reply, ReplyId, ReplyState
from desk.store.columns import from_ms, from_ms_or_none, not_before, to_ms


def save_draft(db: Database, case_id: CaseId, agent: str, text: str, at: datetime) -> None:
    """Keep what an agent has begun to write; an empty text forgets it."""
    if not text:
        db.execute("DELETE FROM drafts WHERE case_id = ? AND agent = ?", (case_id, agent))
        return
    db.execute(
        "INSERT INTO drafts VALUES (?, ?, ?, ?) ON CONFLICT (case_id, agent) "
        "DO UPDATE SET text = excluded.text, saved_at = excluded.saved_at",
        (case_id, agent, text, to_ms(at)),
    )


def restore_draft(db: Database, case_id: CaseId, agent: str, text: str, at: datetime) -> None:
    """Give an agent their words back, where they have not begun other ones meanwhile."""
    db.execute(
        "INSERT INTO drafts VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (case_id, agent, text, to_ms(at))
    )


def draft(db: Database, case_id: CaseId, agent: str) -> str:
    row = db.execute("SELECT text FROM drafts WHERE case_id = ? AND agent = ?", (case_id, agent)).fetchone()
    return str(row[0]) if row else ""


def insert(
    db: Database,
    *,
    case_id: CaseId,
    mention: Mention,
    text: str,
    agent: str,
    approved_at: datetime,
    send_after: datetime,
) -> ReplyId | None:
    """An approved reply; None where the case already has one on its way."""
    row = db.execute(
        "INSERT INTO replies (case_id, mention_id, source, brand, text, agent, state, approved_at, "
        "send_after, attempts, error) VALUES (?, ?, ?, ?, ?, ?, 'approved', ?, ?, 0, '') "
        "ON CONFLICT DO NOTHING RETURNING id",
        (
            case_id,
            mention.id,
            mention.source,
            mention.brand,
            text,
            agent,
            to_ms(approved_at),
            not_before(send_after),
        ),
    ).fetchone()
    return ReplyId(row[0]) if row else None


def change(
    db: Database,
    reply_id: ReplyId,
    expected: ReplyState,
    state: ReplyState,
    *,
    send_after: datetime | None = None,
    attempted_at: datetime | None = None,
    untried: bool = False,
    sent_at: datetime | None = None,
    error: str = "",
) -> bool:
    """Compare and set: False where the reply is no longer in the expected state.

    `attempted_at` begins an attempt; `untried` says that the one which was begun came to nothing.
    """
    row = db.execute(
        "UPDATE replies SET state = ?, send_after = coalesce(?, send_after), attempts = attempts + ?, "
        "attempted_at = coalesce(?, attempted_at), sent_at = coalesce(?, sent_at), error = ? "
        "WHERE id = ? AND state = ? RETURNING id",
        (
            state,
            not_before(send_after) if send_after else None,
            int(attempted_at is not None) - int(untried),
            to_ms(attempted_at) if attempted_at else None,
            to_ms(sent_at) if sent_at else None,
            error,
            reply_id,
            expected,
        ),
    ).fetchone()
    return row is not None


def prove(db: Database, reply_id: ReplyId, *, external_id: str, sent_at: datetime) -> bool:
    """The platform shows the reply: it is sent, whatever was thought of it; False where that was known."""
    row = db.execute(
        "UPDATE replies SET state = 'sent', external_id = ?, sent_at = ?, error = '' "
        "WHERE id = ? AND external_id IS NULL RETURNING id",
        (external_id, to_ms(sent_at), reply_id),
    ).fetchone()
    return row is not None


def due(db: Database, state: ReplyState, now: datetime) -> list[Reply]:
    """Replies in a state whose time has come, oldest first."""
    rows = db.query(
        "SELECT * FROM replies WHERE state = ? AND send_after <= ? ORDER BY send_after, id",
        (state, to_ms(now)),
    )
    return [reply_of(row) for row in rows]


def get(db: Database, reply_id: ReplyId) -> Reply | None:
    return next((reply_of(row) for row in db.query("SELECT * FROM replies WHERE id = ?", (reply_id,))), None)


def of_case(db: Database, case_id: CaseId) -> list[Reply]:
    rows = db.query("SELECT * FROM replies WHERE case_id = ? ORDER BY id", (case_id,))
    return [reply_of(row) for row in rows]


def by_external_id(db: Database, source: str, external_id: str) -> Reply | None:
    rows = db.query("SELECT * FROM replies WHERE source = ? AND external_id = ?", (source, external_id))
    return next((reply_of(row) for row in rows), None)


def unproven(db: Database, source: str, in_reply_to: MentionId) -> list[Reply]:
    """Replies to a post that may be public, and of which no post is known."""
    rows = db.query(
        "SELECT * FROM replies WHERE mention_id = ? AND source = ? AND external_id IS NULL "
        "AND state IN ('sending', 'unconfirmed', 'sent')",
        (in_reply_to, source),
    )
    return [reply_of(row) for row in rows]


def reply_of(row: Mapping[str, Any]) -> Reply:
    return Reply(
        id=ReplyId(row["id"]),
        case_id=CaseId(row["case_id"]),
        mention_id=MentionId(row["mention_id"]),
        source=row["source"],
        brand=row["brand"],
        text=row["text"],
        agent=row["agent"],
        state=ReplyState(row["state"]),
        approved_at=from_ms(row["approved_at"]),
        send_after=from_ms(row["send_after"]),
        attempts=row["attempts"],
        attempted_at=from_ms_or_none(row["attempted_at"]),
        external_id=row["external_id"],
        sent_at=from_ms_or_none(row["sent_at"]),
        error=row["error"],
    )
