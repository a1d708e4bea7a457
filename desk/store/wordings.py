"""How the posts that opened cases, and those for the brand, are worded: so repetitions of them are found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlite_utils import Database

from desk.model.copies import Original, Wording, is_copy, is_passed_on, only_repeats
from desk.model.mention import Mention, MentionId
from desk.model.similarity import Fingerprint, bands, beginning, is_near
from desk.store import cases, mentions
from desk.store.columns import to_ms

_HALF = 8
"""Bytes of each half of a fingerprint's bits; as a blob, because the halves are unsigned."""
_MOST_BEGUN = 50
"""Posts compared that begin alike: a brand greets thousands of times in the same words."""


def save(db: Database, mention: Mention, wording: Wording, *, near: bool = True) -> None:
    """Keep how a post is worded; what was kept of it before goes. Nothing copies a short text.

    Without `near` it is found by equal words and by how it begins, only.
    """
    forget(db, mention.id)
    keys = bands(wording.fingerprint)
    if not keys:
        return
    mark = wording.fingerprint
    bits = mark.simhash.to_bytes(_HALF, "big") + mark.check.to_bytes(_HALF, "big")
    db.execute("INSERT INTO wordings VALUES (?, ?, ?, ?)", (mention.id, mark.exact, bits, mark.words))
    if not near:
        key = beginning(mention.text)
        keys = () if key is None else (key,)
    for key in keys:
        db.execute("INSERT INTO wording_bands VALUES (?, ?, ?)", (key, to_ms(mention.created_at), mention.id))


def forget(db: Database, mention_id: MentionId) -> None:
    db.execute("DELETE FROM wordings WHERE mention_id = ?", (mention_id,))


def originals(db: Database, mention: Mention, wording: Wording, within: timedelta) -> list[Original]:
    """Posts to the same brand on the same platform of which `mention` may be a copy, oldest first.

    They were written at most `within` before or after it, and stand.
    """
    keys = bands(wording.fingerprint)
    if not keys:
        return []
    rows = db.execute(
        "SELECT m.id, w.exact, w.simhash, w.words FROM wordings w JOIN mentions m ON m.id = w.mention_id "
        f"WHERE w.mention_id IN (SELECT mention_id FROM wording_bands WHERE band IN ({_marks(keys)}) "
        "AND created_at BETWEEN ? AND ?) AND m.source = ? AND m.brand = ? AND m.id <> ? "
        "AND m.case_id IS NOT NULL AND m.deleted_at IS NULL ORDER BY m.created_at, m.seq",
        (
            *keys,
            to_ms(mention.created_at - within),
            to_ms(mention.created_at + within),
            mention.source,
            mention.brand,
            mention.id,
        ),
    ).fetchall()
    # Of unrelated posts a few in a hundred share a band: only what is near is read whole.
    near = [row[0] for row in rows if is_near(wording.fingerprint, _fingerprint(*row[1:]))]
    found = []
    for mention_id in near:
        first, case = mentions.get(db, mention_id), cases.of_mention(db, mention_id)
        if first is not None and case is not None and is_copy(wording, Wording.of(first.text)):
            found.append(Original(first, case))
    return found


def first_said(db: Database, mention: Mention, wording: Wording) -> Mention | None:
    """The oldest public post to or by the same brand that has the very words of `mention` and is no younger.

    For a marked retweet, rather the youngest post for the brand that begins with its words. None where
    `mention` is the first. The platform does not matter.
    """
    if is_passed_on(mention.text) and (begun := _begun(db, mention, wording)) is not None:
        return begun
    rows = db.query(
        f"SELECT {mentions.COLUMNS} FROM wordings w JOIN mentions m ON m.id = w.mention_id WHERE w.exact = ? "
        "AND m.brand = ? AND m.private = 0 AND m.id <> ? AND m.created_at <= ? "
        "ORDER BY m.created_at, m.seq LIMIT 1",
        (wording.fingerprint.exact, mention.brand, mention.id, to_ms(mention.created_at)),
    )
    return next((mentions.mention_of(row) for row in rows), None)


def _begun(db: Database, mention: Mention, wording: Wording) -> Mention | None:
    rows = db.query(
        f"SELECT {mentions.COLUMNS} FROM wording_bands b JOIN mentions m ON m.id = b.mention_id "
        "WHERE b.band = ? AND b.created_at <= ? AND m.brand = ? AND m.private = 0 AND m.id <> ? "
        f"ORDER BY b.created_at DESC LIMIT {_MOST_BEGUN}",
        (beginning(mention.text), to_ms(mention.created_at), mention.brand, mention.id),
    )
    found = (mentions.mention_of(row) for row in rows)
    return next((first for first in found if only_repeats(wording, first)), None)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _fingerprint(exact: str, bits: bytes, words: int) -> Fingerprint:
    return Fingerprint(exact, int.from_bytes(bits[:_HALF], "big"), int.from_bytes(bits[_HALF:], "big"), words)
