"""Storing what a source brought: rows and cursor in one transaction, each post once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from desk.caselog import advance
from desk.model.event import Event, EventKind
from desk.model.mention import Author, Mention, MentionId, mention_id
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
    """Store a batch and its cursor together. A batch that is recorded again adds nothing.

    Of what was set aside, edits of stored posts are kept, and what answers a stored post and is by somebody
    who has written in the conversation before.
    """
    deleted = 0
    with store.write() as db:
        new, edited = _store(db, batch.mentions)
        for post in sorted(batch.aside, key=lambda post: post.created_at):
            if _goes_on(db, post):
                more, changed = _store(db, [post])
                new, edited = new + more, edited + changed
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
    return Intake(len(batch.mentions) + len(batch.bad), new, edited, deleted, quarantined)


def _store(db: Database, posts: Sequence[Mention]) -> tuple[tuple[MentionId, ...], int]:
    """Ids of the posts that are new, and how many of the others were edited.

    What can be asked for all posts at once is: a statement for each would cost more than its row.
    """
    known = mentions.known(db, (post.id for post in posts))
    authors: defaultdict[str, list[Author]] = defaultdict(list)
    new: list[Mention] = []
    again: list[Mention] = []
    for post in map(_not_from_the_future, posts):
        (again if post.id in known else new).append(post)
        known.add(post.id)
        if not post.from_brand:
            authors[post.source].append(post.author)
    customers_of = {source: customers.of_authors(db, source, named) for source, named in authors.items()}
    mentions.insert_all(
        db,
        (
            (post, None if post.from_brand else customers_of[post.source][post.author.external_id])
            for post in new
        ),
    )
    edited = sum(mentions.apply_edit(db, post) for post in again)
    return tuple(post.id for post in new), edited


def _goes_on(db: Database, post: Mention) -> bool:
    """Whether a post that nobody asked for belongs to what is stored."""
    parent = None if post.in_reply_to is None else mention_id(post.source, post.in_reply_to)
    stored = mentions.known(db, {post.id} if parent is None else {post.id, parent})
    return post.id in stored or (parent in stored and mentions.has_written(db, post))


def _not_from_the_future(post: Mention) -> Mention:
    """A platform's clock may run ahead of ours."""
    return post if post.created_at <= post.received_at else replace(post, created_at=post.received_at)
