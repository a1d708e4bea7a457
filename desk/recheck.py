"""Looking again at held posts, so that what was deleted on its platform is erased here within a day."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from desk import intake
from desk.errors import SourceError
from desk.model.mention import MentionId
from desk.ports import Batch, DeletionCheck, Now
from desk.store import Store, looks

LOOK_EVERY = timedelta(hours=20)
"""Four hours less than the day that X gives (its developer policy, "Content compliance")."""
_DUTY = timedelta(hours=24)
_RECENT = timedelta(days=2)
"""Most deletions are of posts this young: they come first."""
_UNDECIDED_AGAIN = timedelta(minutes=15)
_ASK_AGAIN_SECONDS = 900.0


class Recheck:
    """A source of nothing but deletions and edits: the posts of one platform that are held, looked at anew.

    For the loop that all sources run in. Its cursor counts the day's looks, which may cost money, so that
    the count commits with what they found. One thread only.
    """

    interval_seconds = 60.0

    def __init__(self, store: Store, checker: DeletionCheck, now: Now) -> None:
        self._store, self._checker, self._now = store, checker, now
        self._looked: list[MentionId] = []
        self._undecided: list[MentionId] = []

    @property
    def name(self) -> str:
        return self._checker.name

    def fetch(self, cursor: str | None) -> Batch:
        """Look at what is due, as far as the day's limit allows.

        Raises SourceError; one of its own where that limit leaves posts unlooked at for over a day.
        """
        now = self._now()
        self._looked, self._undecided = [], []
        today = now.astimezone(UTC).date().isoformat()
        spent = json.loads(cursor) if cursor else {}
        looked = spent["looked"] if spent.get("day") == today else 0
        size = self._checker.batch_size
        limit = self._checker.posts_per_day
        if limit is not None:
            size = min(size, limit - looked)
        with self._store.write() as db:
            looks.enrol(db, self._checker.source, LOOK_EVERY)
        if size <= 0:
            self._complain(now, limit or 0)
            return Batch()
        with self._store.read() as db:
            held = looks.due(db, self._checker.source, now, size, written_since=now - _RECENT)
        if not held:
            return Batch()
        found = self._checker.look(held)
        undecided = set(found.undecided)
        self._looked = [post.id for post in held if post.id not in undecided]
        self._undecided = [post.id for post in held if post.id in undecided]
        return Batch(
            mentions=found.edited,
            deleted=found.deleted,
            headroom=found.headroom,
            cursor=json.dumps({"day": today, "looked": looked + len(held)}),
            more=len(held) == size,
        )

    def record(self, batch: Batch) -> intake.Intake:
        """Store what the last fetch found, and when its posts are due again, in one transaction."""
        now = self._now()
        with self._store.write() as db:
            taken = intake.record(self._store, self.name, batch, now)
            looks.put_off(db, self._looked, now + LOOK_EVERY)
            looks.put_off(db, self._undecided, now + _UNDECIDED_AGAIN)
        return taken

    def _complain(self, now: datetime, limit: int) -> None:
        with self._store.read() as db:
            late = looks.count_due(db, self._checker.source, now - (_DUTY - LOOK_EVERY))
        if late:
            raise SourceError(
                f"{late} posts have not been looked at for over 24 hours, and the day's {limit:,} looks are "
                "used up: allow more of them, or keep fewer posts.",
                retry_after_seconds=_ASK_AGAIN_SECONDS,
            )
