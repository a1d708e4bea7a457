"""Everything about one case on one screen: the conversation, what happened, and the customer beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from desk.errors import NotFoundError
from desk.model.case import Case, CaseId
from desk.model.customer import Customer, CustomerField, Mood
from desk.model.event import Event
from desk.model.explanation import Explanation
from desk.model.mention import Mention, MentionId
from desk.model.reply import Reply, ReplyState
from desk.model.timeline import effective
from desk.model.verdict import Verdict
from desk.store import cases, customers, events, explanations, mentions, replies
from desk.store.columns import from_ms, from_ms_or_none, to_ms
from desk.store.connection import Store

_COPIES = 200
"""Copies that are listed; of a larger campaign the rest is a number."""
_BEFORE, _AFTER = 200, 30
"""Posts by others that are read around the customer's latest one: a chat is one conversation, and may hold
tens of thousands."""
_MOODS = 60
"""The latest posts whose sentiment is drawn over time."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post of the conversation with what was thought of it."""

    mention: Mention
    verdict: Verdict | None
    deleted: bool
    edited: bool
    in_case: bool
    """Written by the case's customer, or the brand's answer to them; others only took part."""
    reasons: tuple[str, ...]
    """Why the triage decided as it did, in words."""
    explanation: Explanation | None = None
    """Which words moved the verdict, where somebody has asked."""
    asked_at: datetime | None = None
    """When that was asked first."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Posts elsewhere that only repeat the words of the case's first one."""

    count: int
    latest: tuple[Mention, ...]
    """Newest first; not all, where there are many."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The customer beside the conversation."""

    customer: Customer
    fields: tuple[CustomerField, ...]
    cases: tuple[Case, ...]
    """All of the customer's cases, newest first, this one too."""
    moods: tuple[Mood, ...]
    """Oldest first."""
    posts: int


@dataclass(frozen=True, slots=True)
class CaseView:
    case: Case
    copies: Copies
    posts: tuple[Post, ...]
    """The conversation, oldest first: what belongs to the case, and what was said around its latest post."""
    left_out: int
    """Posts by others in the conversation that are not among these."""
    events: tuple[Event, ...]
    """What happened, oldest first; what was undone is left out."""
    replies: tuple[Reply, ...]
    """Replies of this desk, oldest first, those on their way and those that failed too."""
    answering: Mention
    """The post that a reply would answer; its `replyable` is to be shown before anybody types."""
    profile: Profile
    draft: str
    """What the agent had begun to write."""

    @property
    def live_reply(self) -> Reply | None:
        """A reply that is on its way; a second one is refused until it is settled."""
        return next((reply for reply in self.replies if reply.is_live), None)

    @property
    def doubtful_reply(self) -> Reply | None:
        """A reply of which nobody knows whether it is out."""
        live = self.live_reply
        return live if live is not None and live.state is ReplyState.UNCONFIRMED else None


def load(store: Store, case_id: CaseId, agent: str) -> CaseView:
    """One consistent look at a case. Raises NotFoundError."""
    with store.read() as db:
        case = cases.get(db, case_id)
        if case is None:
            raise NotFoundError(f"There is no case {case_id} in this store.")
        posts = _posts(db, case)
        (said,) = db.execute(
            "SELECT count(*) FROM mentions WHERE conversation = ?", (case.conversation,)
        ).fetchone()
        customer = customers.get(db, case.customer_id)
        answering = mentions.get(db, MentionId(case.last_mention_id))
        assert customer is not None and answering is not None, "foreign keys keep both"  # noqa: S101
        latest_moods = db.execute(
            "SELECT m.created_at, v.negative, v.positive FROM mentions m "
            "JOIN verdicts v ON v.mention_id = m.id WHERE m.customer_id = ? "
            "ORDER BY m.created_at DESC LIMIT ?",
            (case.customer_id, _MOODS),
        ).fetchall()
        count = db.execute(
            "SELECT count(*) FROM mentions WHERE customer_id = ?", (case.customer_id,)
        ).fetchone()
        return CaseView(
            case=case,
            copies=_copies(db, case_id),
            posts=posts,
            left_out=int(said) - len(posts),
            events=tuple(effective(events.of_case(db, case_id))),
            replies=tuple(replies.of_case(db, case_id)),
            answering=answering,
            profile=Profile(
                customer=customer,
                fields=tuple(customers.fields_of(db, customer.accounts)),
                cases=tuple(cases.of_customer(db, case.customer_id)),
                moods=tuple(
                    Mood(from_ms(at), *probabilities) for at, *probabilities in reversed(latest_moods)
                ),
                posts=int(count[0]),
            ),
            draft=replies.draft(db, case_id, agent),
        )


def _posts(db: Database, case: Case) -> tuple[Post, ...]:
    around = {"conversation": case.conversation, "case": case.id, "at": to_ms(case.last_customer_at)}
    rows = db.query(
        f"SELECT {mentions.COLUMNS}, {mentions.VERDICT_COLUMNS}, {explanations.COLUMNS}, "
        "m.deleted_at, m.edited_at, m.case_id, m.decision, m.reasons "
        "FROM mentions m LEFT JOIN verdicts v ON v.mention_id = m.id "
        "LEFT JOIN explanations x ON x.mention_id = m.id WHERE m.id IN ("
        "SELECT id FROM mentions WHERE case_id = :case AND conversation = :conversation "
        "UNION SELECT id FROM (SELECT id FROM mentions WHERE conversation = :conversation "
        f"AND created_at <= :at ORDER BY created_at DESC, seq DESC LIMIT {_BEFORE}) "
        "UNION SELECT id FROM (SELECT id FROM mentions WHERE conversation = :conversation "
        f"AND created_at > :at ORDER BY created_at, seq LIMIT {_AFTER})) ORDER BY m.created_at, m.seq",
        around,
    )
    return tuple(
        Post(
            mention=mentions.mention_of(row),
            verdict=mentions.verdict_of(row) if row["model"] else None,
            deleted=row["deleted_at"] is not None,
            edited=row["edited_at"] is not None,
            in_case=row["case_id"] == case.id and row["decision"] != "copy",
            reasons=mentions.reasons_of(row),
            explanation=explanations.explanation_of(row),
            asked_at=from_ms_or_none(row["asked_at"]),
        )
        for row in rows
    )


def _copies(db: Database, case_id: CaseId) -> Copies:
    held = "FROM mentions m WHERE m.case_id = ? AND m.decision = 'copy' AND m.deleted_at IS NULL"
    (count,) = db.execute(f"SELECT count(*) {held}", (case_id,)).fetchone()
    rows = db.query(
        f"SELECT {mentions.COLUMNS} {held} ORDER BY m.created_at DESC, m.seq DESC LIMIT ?", (case_id, _COPIES)
    )
    return Copies(int(count), tuple(mentions.mention_of(row) for row in rows))
