"""Why a verdict is as it is: asked for in one process, answered in another, kept until the post changes.

A row hangs on its verdict: an edit or a deletion of the post takes both away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from desk.model.explanation import Explanation, Moved
from desk.model.mention import Mention, MentionId
from desk.store import mentions
from desk.store.columns import to_json, to_ms


def ask(db: Database, mention_id: MentionId, at: datetime) -> bool:
    """Put a question; False where the post has no verdict that could be explained."""
    db.execute(
        "INSERT INTO explanations (mention_id, asked_at) SELECT mention_id, ? FROM verdicts "
        "WHERE mention_id = ? ON CONFLICT (mention_id) DO NOTHING",
        (to_ms(at), mention_id),
    )
    return db.execute("SELECT 1 FROM explanations WHERE mention_id = ?", (mention_id,)).fetchone() is not None


def unanswered(db: Database, limit: int) -> list[Mention]:
    """Posts that somebody asks about, whoever asked first."""
    rows = db.query(
        f"SELECT {mentions.COLUMNS} FROM explanations x JOIN mentions m ON m.id = x.mention_id "
        "WHERE x.words IS NULL ORDER BY x.asked_at LIMIT ?",
        (limit,),
    )
    return [mentions.mention_of(row) for row in rows]


def save(db: Database, mention: Mention, explanation: Explanation) -> None:
    """Keep an answer, unless the post has changed since it was read."""
    words = [[word.start, word.end, word.weight] for word in explanation.words]
    db.execute(
        "UPDATE explanations SET words = ?, model = ? WHERE mention_id = ? "
        "AND EXISTS (SELECT 1 FROM mentions m WHERE m.id = explanations.mention_id AND m.text = ?)",
        (to_json(words), explanation.model, mention.id, mention.text),
    )


def withdraw(db: Database, mention_id: MentionId) -> None:
    """Take a question back; nobody has asked then."""
    db.execute("DELETE FROM explanations WHERE mention_id = ? AND words IS NULL", (mention_id,))


COLUMNS = "x.asked_at, x.words, x.model AS explained_by"
"""What `explanation_of` needs, of `explanations x`."""


def explanation_of(row: Mapping[str, Any]) -> Explanation | None:
    if row["words"] is None:
        return None
    return Explanation(tuple(Moved(*word) for word in json.loads(row["words"])), row["explained_by"])
