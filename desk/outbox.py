"""Replies on their way out: a person approves, one sender claims, an unknown outcome is read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from desk import casework
from desk.caselog import advance, brand_replied
from desk.errors import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    SendLaterError,
    SendRefusedError,
    SendUnknownError,
)
from desk.model.case import CLOSED, CaseId
from desk.model.event import Event, EventKind
from desk.model.mention import Author, Mention
from desk.model.platform import measure_reply, platform_of
from desk.model.reply import Outgoing, Reply, ReplyState, SentPost
from desk.ports import ReplySender
from desk.store import Store, cases, mentions, replies

UNDO_SECONDS = 6.0
"""How long an approved reply waits for its agent to think again."""
LEASE_SECONDS = 120.0
"""A sender that has not reported by then is taken for dead: what it did is unknown."""
READ_BACK_SECONDS = 20.0
"""How long a platform's own timeline may lag behind what it accepted."""
MAX_ATTEMPTS = 3
"""After as many unknown outcomes a person has to look."""


def save_draft(store: Store, case_id: CaseId, *, agent: str, text: str, now: datetime) -> None:
    """Keep what an agent has begun to write; an empty text forgets it."""
    with store.write() as db:
        replies.save_draft(db, case_id, agent, text, now)


def approve(
    store: Store,
    case_id: CaseId,
    *,
    agent: str,
    text: str,
    now: datetime,
    undo_seconds: float = UNDO_SECONDS,
) -> Reply:
    """Put a reply in the outbox. Whoever answers a case that belongs to nobody claims it.

    Raises NotFoundError; NotAllowedError where the platform's terms, its length rule or the case's state
    forbid it; ConflictError where another reply to the case is on its way.
    """
    with store.write() as db:
        case = cases.get(db, case_id)
        if case is None:
            raise NotFoundError(f"There is no case {case_id} in this store.")
        if case.state in CLOSED:
            raise NotAllowedError(f"Case {case_id} is {case.state}: reopen it before you answer.")
        mention = mentions.get(db, case.last_mention_id)
        assert mention is not None, "foreign keys keep it"  # noqa: S101
        if mentions.is_deleted(db, mention.id):
            raise NotAllowedError("The customer has deleted the post: there is nothing to answer.")
        if not mention.replyable.allowed:
            raise NotAllowedError(f"No reply possible: {mention.replyable.reason}")
        length = measure_reply(mention.source, text)
        if length.problem:
            raise NotAllowedError(f"{platform_of(mention.source).title} would refuse this: {length.problem}")
        reply_id = replies.insert(
            db,
            case_id=case_id,
            mention=mention,
            text=text.strip(),
            agent=agent,
            approved_at=now,
            send_after=now + timedelta(seconds=undo_seconds),
        )
        if reply_id is None:
            other = next(reply for reply in replies.of_case(db, case_id) if reply.is_live)
            raise ConflictError(f"A reply by {other.agent} to this case is on its way already.")
        if case.assignee is None:
            casework.claim(store, case_id, agent=agent, now=now)
        advance(db, case_id, [Event(EventKind.REPLY_APPROVED, now, agent, data={"reply": reply_id})], now)
        replies.save_draft(db, case_id, agent, "", now)
        reply = replies.get(db, reply_id)
        assert reply is not None  # noqa: S101
        return reply


def send_due(store: Store, senders: Mapping[str, ReplySender], now: datetime) -> int:
    """Send what is due and read back what is unknown; how many replies became public.

    `senders` by source. Safe to run in any number of processes: each reply is claimed by one.
    """
    _expire_leases(store, now)
    public = 0
    for reply in _due(store, ReplyState.UNCONFIRMED, now):
        public += _read_back(store, senders, reply, now)
    for reply in _due(store, ReplyState.APPROVED, now):
        with store.write() as db:
            mine = replies.change(
                db,
                reply.id,
                ReplyState.APPROVED,
                ReplyState.SENDING,
                send_after=now + timedelta(seconds=LEASE_SECONDS),
                attempted=True,
            )
        if mine:
            public += _send(store, senders, reply, now)
    return public


def _due(store: Store, state: ReplyState, now: datetime) -> list[Reply]:
    with store.read() as db:
        return replies.due(db, state, now)


def _expire_leases(store: Store, now: datetime) -> None:
    for reply in _due(store, ReplyState.SENDING, now):
        _unknown(store, reply, now, "The sender stopped before it could tell what happened.")


def _send(store: Store, senders: Mapping[str, ReplySender], reply: Reply, now: datetime) -> bool:
    sender = senders.get(reply.source)
    if sender is None:
        _fail(store, reply, now, f"No account is configured that can reply on {reply.source}.")
        return False
    with store.read() as db:
        taken_back = mentions.is_deleted(db, reply.mention_id)
    if taken_back:
        _fail(store, reply, now, "The customer has deleted the post; nothing was sent.")
        return False
    try:
        sent = sender.send(_outgoing(store, reply))
    except SendRefusedError as error:
        _fail(store, reply, now, str(error))
    except SendLaterError as error:
        with store.write() as db:
            replies.change(
                db,
                reply.id,
                ReplyState.SENDING,
                ReplyState.APPROVED,
                send_after=now + timedelta(seconds=error.retry_after_seconds),
                error=str(error),
            )
    except SendUnknownError as error:
        _unknown(store, reply, now, str(error))
    else:
        _settle(store, reply, ReplyState.SENDING, sent, now)
        return True
    return False


def _read_back(store: Store, senders: Mapping[str, ReplySender], reply: Reply, now: datetime) -> bool:
    sender = senders.get(reply.source)
    if sender is None:
        return False
    try:
        found = sender.find(_outgoing(store, reply))
    except SendLaterError as error:
        with store.write() as db:
            replies.change(
                db,
                reply.id,
                ReplyState.UNCONFIRMED,
                ReplyState.UNCONFIRMED,
                send_after=now + timedelta(seconds=error.retry_after_seconds),
                error=str(error),
            )
        return False
    if found is not None:
        _settle(store, reply, ReplyState.UNCONFIRMED, found, now)
        return True
    if reply.attempts >= MAX_ATTEMPTS:
        _fail(store, reply, now, f"Tried {reply.attempts} times without an answer; it is not public.")
        return False
    with store.write() as db:  # certainly not there: sending it once more cannot double it
        replies.change(db, reply.id, ReplyState.UNCONFIRMED, ReplyState.APPROVED, send_after=now)
    return False


def _outgoing(store: Store, reply: Reply) -> Outgoing:
    with store.read() as db:
        mention = mentions.get(db, reply.mention_id)
    assert mention is not None, "foreign keys keep it"  # noqa: S101
    return Outgoing(
        reply_id=reply.id,
        brand=reply.brand,
        in_reply_to=mention.external_id,
        conversation_id=mention.conversation_id,
        handle=mention.author.handle,
        text=reply.text,
        approved_at=reply.approved_at,
    )


def _settle(store: Store, reply: Reply, expected: ReplyState, sent: SentPost, now: datetime) -> None:
    """The reply is public: keep it as a post of the brand, and stop the clocks at the platform's time."""
    with store.write() as db:
        question = mentions.get(db, reply.mention_id)
        assert question is not None, "foreign keys keep it"  # noqa: S101
        # A platform's clock may be off: an answer is neither older than its question nor from the future.
        sent_at = max(question.created_at, min(sent.created_at, now))
        if not replies.change(
            db, reply.id, expected, ReplyState.SENT, external_id=sent.external_id, sent_at=sent_at
        ):
            return  # its own post came in through the source first, and was recognised
        post = Mention(
            source=reply.source,
            external_id=sent.external_id,
            conversation_id=question.conversation_id,
            in_reply_to=question.external_id,
            brand=reply.brand,
            author=Author(sent.author_id, sent.author_handle),
            from_brand=True,
            created_at=sent_at,
            received_at=now,
            text=reply.text,
            url=sent.url,
        )
        mentions.insert(db, post, None)
        mentions.decide(db, post.id, "brand_post", ("A reply of this desk.",), reply.case_id)
        advance(db, reply.case_id, [brand_replied(post, reply.agent, reply.id)], now)


def _fail(store: Store, reply: Reply, now: datetime, error: str) -> None:
    with store.write() as db:
        expected = ReplyState.UNCONFIRMED if reply.state is ReplyState.UNCONFIRMED else ReplyState.SENDING
        if replies.change(db, reply.id, expected, ReplyState.FAILED, error=error):
            failed = Event(EventKind.REPLY_FAILED, now, data={"reply": reply.id, "error": error})
            advance(db, reply.case_id, [failed], now)
            replies.save_draft(db, reply.case_id, reply.agent, reply.text, now)


def _unknown(store: Store, reply: Reply, now: datetime, error: str) -> None:
    with store.write() as db:
        replies.change(
            db,
            reply.id,
            ReplyState.SENDING,
            ReplyState.UNCONFIRMED,
            send_after=now + timedelta(seconds=READ_BACK_SECONDS),
            error=error,
        )
