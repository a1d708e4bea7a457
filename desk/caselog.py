"""The one way to change a case: append to its log, and write down what the whole log now says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlite_utils import Database

from desk.model.case import Case, CaseId
from desk.model.event import SYSTEM, Event, EventKind
from desk.model.mention import Mention
from desk.model.reply import Reply, ReplyId
from desk.model.timeline import project
from desk.store import cases, events


def advance(db: Database, case_id: CaseId, happened: Sequence[Event], now: datetime) -> Case:
    """Append events to a case, a new one included, inside the caller's transaction."""
    events.append(db, case_id, happened, now)
    case = project(case_id, events.of_case(db, case_id), events.policies(db))
    cases.save(db, case)
    return case


def brand_replied(post: Mention, actor: str = SYSTEM, reply_id: ReplyId | None = None) -> Event:
    """A post by the brand answers the case: the clocks stop at the platform's own time."""
    return Event(
        EventKind.BRAND_REPLIED,
        post.created_at,
        actor=actor,
        mention_id=post.id,
        data={"automatic": post.automatic, "reply": reply_id},
    )


def said_out(reply: Reply, at: datetime) -> Event:
    """A person says that the reply is out: it answers the case, though nobody has its post."""
    return Event(EventKind.BRAND_REPLIED, at, actor=reply.agent, data={"automatic": False, "reply": reply.id})


def credit(db: Database, reply: Reply, post: Mention, now: datetime) -> None:
    """A post is the reply: it answers the case, in the place of a person's word that the reply is out."""
    words = [
        Event(EventKind.UNDONE, now, data={"seq": event.seq})
        for event in events.of_case(db, reply.case_id)
        if event.kind is EventKind.BRAND_REPLIED
        and event.mention_id is None
        and event.data["reply"] == reply.id
    ]
    advance(db, reply.case_id, [*words, brand_replied(post, reply.agent, reply.id)], now)
