"""Mentions and their verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from desk.model.case import CaseId
from desk.model.customer import CustomerId
from desk.model.mention import Author, ConversationId, Mention, MentionId, Replyable
from desk.model.verdict import UNREAD, Sentiment, Verdict
from desk.ports import BadRecord
from desk.store import sources
from desk.store.columns import from_ms, in_parts, placeholders, to_json, to_ms

CLASSIFIER = "classifier"
"""What posts that have no verdict, because the classifier failed on them, are quarantined under."""

COLUMNS = (
    "m.id, m.source, m.external_id, m.conversation, m.in_reply_to, m.brand, m.author_id, m.handle, "
    "m.author_name, m.from_brand, m.automatic, m.private, m.created_at, m.received_at, m.text, m.language, "
    "m.url, m.replyable, m.replyable_reason"
)
"""What `mention_of` needs, of `mentions m`."""

_INSERT = """
INSERT INTO mentions (id, source, external_id, conversation, in_reply_to, brand, author_id, handle,
    author_name, customer_id, from_brand, automatic, private, created_at, received_at, text, language, url,
    replyable, replyable_reason, awaits_verdict)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""


def insert(db: Database, mention: Mention, customer_id: CustomerId | None) -> bool:
    """Store a mention; False where its id is known already."""
    row = db.execute(f"{_INSERT} RETURNING id", _row(mention, customer_id)).fetchone()
    return row is not None


def insert_all(db: Database, posts: Iterable[tuple[Mention, CustomerId | None]]) -> None:
    """Store mentions of which none is known yet; many times as fast as one by one."""
    db.conn.executemany(_INSERT, [_row(mention, customer_id) for mention, customer_id in posts])


def known(db: Database, ids: Iterable[MentionId]) -> set[MentionId]:
    """Those of the ids that are stored."""
    found: set[MentionId] = set()
    for some in in_parts(ids):
        rows = db.execute(f"SELECT id FROM mentions WHERE id IN ({placeholders(some)})", some)
        found.update(row[0] for row in rows)
    return found


def has_written(db: Database, mention: Mention) -> bool:
    """Whether its author has another post in its conversation."""
    row = db.execute(
        "SELECT 1 FROM mentions WHERE conversation = ? AND author_id = ? AND from_brand = 0 AND id <> ? "
        "LIMIT 1",
        (mention.conversation, mention.author.external_id, mention.id),
    ).fetchone()
    return row is not None


def _row(mention: Mention, customer_id: CustomerId | None) -> tuple[object, ...]:
    return (
        mention.id,
        mention.source,
        mention.external_id,
        mention.conversation,
        mention.in_reply_to,
        mention.brand,
        mention.author.external_id,
        mention.author.handle,
        mention.author.name,
        customer_id,
        mention.from_brand,
        mention.automatic,
        mention.private,
        to_ms(mention.created_at),
        to_ms(mention.received_at),
        mention.text,
        mention.language,
        mention.url,
        mention.replyable.allowed,
        mention.replyable.reason,
        not mention.from_brand,
    )


def apply_edit(db: Database, mention: Mention) -> bool:
    """Take over a changed text; False where nothing changed.

    The old verdict goes, and a customer's post is decided on again.
    """
    row = db.execute(
        "UPDATE mentions SET text = ?, edited_at = ?, language = ?, replyable = ?, replyable_reason = ?, "
        "awaits_verdict = 1 - from_brand, "
        "decision = CASE WHEN from_brand = 1 THEN decision END "
        "WHERE id = ? AND text <> ? AND deleted_at IS NULL "
        # What this desk sent comes back with links and handles as the platform writes them: no edit.
        "AND NOT EXISTS (SELECT 1 FROM replies r "
        "WHERE r.source = mentions.source AND r.external_id = mentions.external_id) RETURNING id",
        (
            mention.text,
            to_ms(mention.received_at),
            mention.language,
            mention.replyable.allowed,
            mention.replyable.reason,
            mention.id,
            mention.text,
        ),
    ).fetchone()
    if row is not None:
        db.execute("DELETE FROM verdicts WHERE mention_id = ?", (mention.id,))
    return row is not None


def apply_deletion(db: Database, mention_id: MentionId, at: datetime) -> bool:
    """Erase what the author took back; that there was something stays. The index follows by trigger."""
    row = db.execute(
        "UPDATE mentions SET text = '', author_name = '', deleted_at = ?, awaits_verdict = 0 "
        "WHERE id = ? AND deleted_at IS NULL RETURNING id",
        (to_ms(at), mention_id),
    ).fetchone()
    db.execute("DELETE FROM verdicts WHERE mention_id = ?", (mention_id,))
    db.execute("DELETE FROM wordings WHERE mention_id = ?", (mention_id,))
    sources.release(db, CLASSIFIER, mention_id)
    db.execute("DELETE FROM looks WHERE seq = (SELECT seq FROM mentions WHERE id = ?)", (mention_id,))
    return row is not None


def get(db: Database, mention_id: MentionId) -> Mention | None:
    rows = db.query(f"SELECT {COLUMNS} FROM mentions m WHERE m.id = ?", (mention_id,))
    return next((mention_of(row) for row in rows), None)


def is_deleted(db: Database, mention_id: MentionId) -> bool:
    """Whether its author took it back; a post may also be without text because it is a picture."""
    row = db.execute("SELECT deleted_at FROM mentions WHERE id = ?", (mention_id,)).fetchone()
    return row is not None and row[0] is not None


def customer_of(db: Database, mention_id: MentionId) -> CustomerId | None:
    """Who wrote a mention; None for the brand's own posts and for posts that were never seen."""
    row = db.execute("SELECT customer_id FROM mentions WHERE id = ?", (mention_id,)).fetchone()
    return CustomerId(row[0]) if row and row[0] is not None else None


def unclassified(db: Database, limit: int) -> list[Mention]:
    """Customers' posts without a verdict, oldest first."""
    rows = db.query(
        f"SELECT {COLUMNS} FROM mentions m WHERE m.awaits_verdict = 1 ORDER BY m.created_at, m.seq LIMIT ?",
        (limit,),
    )
    return [mention_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Undecided:
    """A mention that the triage has yet to see.

    No verdict for the brand's own and for deleted posts; UNREAD where the classifier failed.
    """

    mention: Mention
    customer_id: CustomerId | None
    verdict: Verdict | None


def undecided(db: Database, limit: int) -> list[Undecided]:
    """What can be triaged now, in the order in which it was posted.

    A post waits while an older one of its conversation has no verdict: a reply that is read in the same fetch
    as the post before it must not be taken for one that did not know that post.
    """
    rows = db.query(
        f"SELECT {COLUMNS}, m.customer_id, m.deleted_at, {VERDICT_COLUMNS} "
        "FROM mentions m LEFT JOIN verdicts v ON v.mention_id = m.id "
        "WHERE m.decision IS NULL AND m.awaits_verdict = 0 AND NOT EXISTS ("
        "SELECT 1 FROM mentions w WHERE w.conversation = m.conversation AND w.created_at <= m.created_at "
        "AND w.awaits_verdict = 1 AND w.decision IS NULL) ORDER BY m.created_at, m.seq LIMIT ?",
        (limit,),
    )
    return [_undecided(row) for row in rows]


def _undecided(row: Mapping[str, Any]) -> Undecided:
    verdict = None
    if row["model"]:
        verdict = verdict_of(row)
    elif not row["from_brand"] and row["deleted_at"] is None:
        verdict = UNREAD
    return Undecided(mention_of(row), row["customer_id"], verdict)


def decided(db: Database, mention_id: MentionId) -> Undecided | None:
    """One mention as the triage saw it."""
    rows = db.query(
        f"SELECT {COLUMNS}, m.customer_id, m.deleted_at, {VERDICT_COLUMNS} "
        "FROM mentions m LEFT JOIN verdicts v ON v.mention_id = m.id WHERE m.id = ?",
        (mention_id,),
    )
    return next((_undecided(row) for row in rows), None)


def is_copy(db: Database, mention_id: MentionId) -> bool:
    """Whether the post is counted in another's case, and stands."""
    row = db.execute(
        "SELECT 1 FROM mentions WHERE id = ? AND decision = 'copy' AND deleted_at IS NULL", (mention_id,)
    ).fetchone()
    return row is not None


def copies_by_case(db: Database) -> dict[CaseId, int]:
    """How many copies each case counts; cases without any are left out."""
    rows = db.execute(
        "SELECT case_id, count(*) FROM mentions WHERE decision = 'copy' AND deleted_at IS NULL GROUP BY 1"
    )
    return {CaseId(case_id): count for case_id, count in rows.fetchall()}


def release_copies(db: Database, case_id: CaseId) -> None:
    """Let the triage decide anew on the copies that a case counts: what they repeat is gone."""
    db.execute(
        "UPDATE mentions SET decision = NULL, reasons = NULL, case_id = NULL "
        "WHERE case_id = ? AND decision = 'copy' AND deleted_at IS NULL",
        (case_id,),
    )


def decide(
    db: Database, mention_id: MentionId, decision: str, reasons: Sequence[str], case_id: CaseId | None
) -> None:
    """Keep what the triage decided, and why."""
    db.execute(
        "UPDATE mentions SET decision = ?, reasons = ?, case_id = ? WHERE id = ?",
        (decision, to_json(list(reasons)), case_id, mention_id),
    )


def brand_posts(db: Database, conversation: ConversationId, since: datetime) -> list[Mention]:
    """The brand's own posts in a conversation from `since` on, oldest first."""
    rows = db.query(
        f"SELECT {COLUMNS} FROM mentions m WHERE m.conversation = ? AND m.from_brand = 1 "
        "AND m.created_at >= ? AND m.decision IS NOT NULL ORDER BY m.created_at, m.seq",
        (conversation, to_ms(since)),
    )
    return [mention_of(row) for row in rows]


VERDICT_COLUMNS = (
    "v.complaint, v.is_complaint, v.needs_look, v.negative, v.neutral, v.positive, "
    "v.language AS verdict_language, v.model, v.embedding, v.anger, v.abuse, v.reason, v.reason_score"
)
"""What `verdict_of` needs, of `verdicts v`."""


def save_verdicts(db: Database, verdicts: Iterable[tuple[Mention, Verdict]]) -> None:
    """Keep verdicts on the texts as they were when they were read: an edit since then waits for another."""
    for mention, verdict in verdicts:
        if not _waits_no_longer(db, mention):
            continue
        db.execute(
            "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (mention_id) DO NOTHING",
            (
                mention.id,
                verdict.complaint,
                verdict.is_complaint,
                verdict.needs_look,
                verdict.sentiment.negative,
                verdict.sentiment.neutral,
                verdict.sentiment.positive,
                verdict.language,
                verdict.model,
                verdict.embedding,
                verdict.anger,
                verdict.abuse,
                verdict.reason,
                verdict.reason_score,
            ),
        )


def save_unread(db: Database, unread: Iterable[tuple[Mention, str]]) -> None:
    """Let posts go on without a verdict, and keep why there is none. As for verdicts, an edit waits."""
    for mention, reason in unread:
        if _waits_no_longer(db, mention):
            bad = BadRecord(mention.id, mention.text, reason)
            sources.quarantine(db, CLASSIFIER, [bad], mention.received_at)


def await_again(db: Database) -> None:
    """Let posts that went on without a verdict wait for one again; what was decided stands so long."""
    db.execute(
        "UPDATE mentions SET awaits_verdict = 1 WHERE awaits_verdict = 0 AND from_brand = 0 "
        "AND deleted_at IS NULL AND id IN (SELECT position FROM quarantine WHERE source = ?)",
        (CLASSIFIER,),
    )


def _waits_no_longer(db: Database, mention: Mention) -> bool:
    """End a post's wait for a verdict; False where it did not wait, or not with this text.

    One that went on without a verdict before is decided anew, unless a case has it: that is people's.
    """
    row = db.execute(
        "UPDATE mentions SET awaits_verdict = 0, "
        "decision = CASE WHEN case_id IS NOT NULL THEN decision END "
        "WHERE id = ? AND text = ? AND awaits_verdict = 1 RETURNING id",
        (mention.id, mention.text),
    ).fetchone()
    if row is not None:
        sources.release(db, CLASSIFIER, mention.id)
    return row is not None


def mention_of(row: Mapping[str, Any]) -> Mention:
    return Mention(
        source=row["source"],
        external_id=row["external_id"],
        conversation_id=row["conversation"].partition(":")[2],
        in_reply_to=row["in_reply_to"],
        brand=row["brand"],
        author=Author(row["author_id"], row["handle"], row["author_name"]),
        from_brand=bool(row["from_brand"]),
        created_at=from_ms(row["created_at"]),
        received_at=from_ms(row["received_at"]),
        text=row["text"],
        language=row["language"],
        url=row["url"],
        replyable=Replyable(bool(row["replyable"]), row["replyable_reason"]),
        automatic=bool(row["automatic"]),
        private=bool(row["private"]),
    )


def verdict_of(row: Mapping[str, Any]) -> Verdict:
    return Verdict(
        complaint=row["complaint"],
        is_complaint=bool(row["is_complaint"]),
        needs_look=bool(row["needs_look"]),
        sentiment=Sentiment(row["negative"], row["neutral"], row["positive"]),
        language=row["verdict_language"],
        model=row["model"],
        embedding=row["embedding"],
        anger=row["anger"],
        abuse=row["abuse"],
        reason=row["reason"],
        reason_score=row["reason_score"],
    )


def reasons_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(json.loads(row["reasons"] or "[]"))
