"""When each held post is to be looked at again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlite_utils import Database

from desk.model.mention import Mention, MentionId
from desk.store import marks, mentions
from desk.store.columns import to_ms


def enrol(db: Database, source: str, every: timedelta) -> None:
    """Take in the posts of a platform that came since the last time; each is due `every` after it came."""
    mark = f"looks of {source}: enrolled"
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM mentions").fetchone()
    db.execute(
        "INSERT INTO looks SELECT seq, source, created_at, received_at + ? FROM mentions "
        "WHERE seq > ? AND source = ? AND deleted_at IS NULL ON CONFLICT DO NOTHING",
        (every // timedelta(milliseconds=1), marks.get(db, mark), source),
    )
    marks.put(db, mark, last)


def due(db: Database, source: str, now: datetime, limit: int, *, written_since: datetime) -> list[Mention]:
    """The posts to look at now: those written since a moment first, then those that are longest due."""
    found: list[Mention] = []
    for sign in (">=", "<"):
        rows = db.query(
            f"SELECT {mentions.COLUMNS} FROM looks l JOIN mentions m ON m.seq = l.seq "
            f"WHERE l.source = ? AND l.due_at <= ? AND l.created_at {sign} ? "
            "ORDER BY l.due_at, l.seq LIMIT ?",
            (source, to_ms(now), to_ms(written_since), limit - len(found)),
        )
        found += [mentions.mention_of(row) for row in rows]
    return found


def count_due(db: Database, source: str, moment: datetime) -> int:
    """How many posts should have been looked at before a moment, and were not."""
    row = db.execute(
        "SELECT count(*) FROM looks WHERE source = ? AND due_at < ?", (source, to_ms(moment))
    ).fetchone()
    return int(row[0])


def put_off(db: Database, posts: Iterable[MentionId], until: datetime) -> None:
    """Look at these again at a moment to come."""
    for mention_id in posts:
        db.execute(
            "UPDATE looks SET due_at = ? WHERE seq = (SELECT seq FROM mentions WHERE id = ?)",
            (to_ms(until), mention_id),
        )
