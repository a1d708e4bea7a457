"""Storing what a source brought: rows and cursor in one transaction, each post once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from desk.caselog import advance
from desk.model.event import Event, EventKind
from desk.model.mention import MentionId
from desk.ports import Batch
from desk.store import Store, cases, customers, events, mentions, sources


@dataclass(frozen=True, slots=True)
class Intake:
    """What a batch brought."""

    read: int
    """Records in the batch, readable or not."""
    new: tuple[MentionId, ...]
    edited: int
    deleted: int
    quarantined: int
    """Unreadable records that were not known yet."""

    @property
    def brought_something(self) -> bool:
        return bool(self.new or self.edited or self.deleted or self.quarantined)


def record(store: Store, source_name: str, batch: Batch, now: datetime) -> Intake:
    """Store a batch and its cursor together. A batch that is recorded again adds nothing."""
    new: list[MentionId] = []
    edited = deleted = 0
    with store.write() as db:
        for mention in batch.mentions:
            # A platform's clock may run ahead of ours: a post is never from the future.
            seen = replace(mention, created_at=min(mention.created_at, mention.received_at))
            customer = None if seen.from_brand else customers.of_author(db, seen.source, seen.author)
            if mentions.insert(db, seen, customer):
                new.append(seen.id)
            elif mentions.apply_edit(db, seen):
                edited += 1
        for mention_id in batch.deleted:
            if mentions.apply_deletion(db, mention_id, now):
                deleted += 1
                gone = Event(EventKind.POST_DELETED, now, mention_id=mention_id)
                for case_id in events.cases_naming(db, mention_id):
                    before = cases.get(db, case_id)
                    left = advance(db, case_id, [gone], now)
                    if before is not None and before.unanswered and not left.unanswered:
                        # Nobody will answer here any more: who wrote the same must not be forgotten with it.
                        mentions.release_copies(db, case_id)
        quarantined = sources.quarantine(db, source_name, batch.bad, now)
        sources.save_fetch(db, source_name, batch, now)
    return Intake(len(batch.mentions) + len(batch.bad), tuple(new), edited, deleted, quarantined)
