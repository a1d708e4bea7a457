"""What agents corrected, read from the event log: nothing of it is kept twice.

The log names the post and holds no text, so a correction loses its text with the post. One that was made
before its post was edited says nothing of the new words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from sqlite_utils import Database

from desk.model.correction import NO_COMPLAINT, Label
from desk.model.mention import Mention
from desk.store import mentions
from desk.store.columns import from_ms

_ALL = f"""
SELECT {mentions.COLUMNS}, e.kind, e.data, e.actor, e.at FROM events e
JOIN cases c ON c.id = e.case_id
JOIN mentions m ON m.id = CASE e.kind
    WHEN 'corrected' THEN json_extract(e.data, '$.mention')
    ELSE (SELECT o.mention_id FROM events o WHERE o.case_id = e.case_id AND o.kind = 'opened') END
WHERE (e.kind = 'corrected'
    OR (e.kind = 'dismissed' AND json_extract(e.data, '$.reason') = ? AND c.state = 'dismissed'))
AND NOT EXISTS (SELECT 1 FROM events u WHERE u.case_id = e.case_id AND u.kind = 'undone'
    AND json_extract(u.data, '$.seq') = e.seq)
AND m.deleted_at IS NULL AND m.text <> '' AND (m.edited_at IS NULL OR m.edited_at <= e.at)
ORDER BY e.seq
"""


def standing(db: Database) -> Iterator[tuple[Mention, Label, str, datetime]]:
    """Every correction that counts, oldest first: the post, what was said, by whom and when.

    A case that was dismissed as no complaint, and still is, says so of the post that opened it.
    """
    for row in db.query(_ALL, (NO_COMPLAINT,)):
        label = Label(complaint=False)
        if row["kind"] == "corrected":
            label = Label.from_data(json.loads(row["data"]))
        yield mentions.mention_of(row), label, row["actor"], from_ms(row["at"])
