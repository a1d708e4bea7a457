"""Replies on their way out: a person approves, one sender claims, an unknown outcome is read back.

Where nobody can read back, a person looks and says.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime, timedelta

from sqlite_utils import Database

from desk import casework
from desk.caselog import advance, credit, said_out
from desk.errors import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    SendError,
    SendLaterError,
    SendRefusedError,
    SendUnknownError,
)
from desk.model.case import CLOSED, CaseId
from desk.model.copies import Wording
from desk.model.event import Event, EventKind
from desk.model.mention import Author, Mention
from desk.model.platform import measure_reply, platform_of
from desk.model.reply import Outgoing, Reply, ReplyId, ReplyState, SentPost
from desk.ports import ReplySender
from desk.store import Store, cases, events, mentions, replies, wordings

UNDO_SECONDS = 6.0
"""How long an approved reply waits for its agent to think again."""
LEASE_SECONDS = 120.0
"""A sender that has not reported by then is taken for dead: what it did is unknown."""
READ_BACK_SECONDS = 20.0
"""How long a platform's own timeline may lag behind what it accepted."""
PASS_SIZE = 3
"""Replies that one pass sends at most: each may take a platform's whole time-out."""
MAX_ATTEMPTS = 3
"""After as many unknown outcomes a person has to look."""
_CLOSING = frozenset({EventKind.RESOLVED, EventKind.DISMISSED})


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
    seen: int | None = None,
) -> Reply:
    """Put a reply in the outbox. Whoever answers a case that belongs to nobody claims it.

    `seen` is the version of the case that the agent had before them. Raises NotFoundError; NotAllowedError
    where the platform's terms, its length rule or the case's state forbid it; ConflictError where another
    reply to the case is on its way, or the customer wrote meanwhile.
    """
    with store.write() as db:
        case = cases.get(db, case_id)
        if case is None:
            raise NotFoundError(f"There is no case {case_id} in this store.")
        casework.refuse_unseen(db, case_id, seen)
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
            if other.state is ReplyState.UNCONFIRMED:
                raise ConflictError(f"Nobody knows yet whether {other.agent}’s reply is out: look first.")
            raise ConflictError(f"A reply by {other.agent} to this case is on its way already.")
        if case.assignee is None:
            casework.claim(store, case_id, agent=agent, now=now)
        advance(db, case_id, [Event(EventKind.REPLY_APPROVED, now, agent, data={"reply": reply_id})], now)
        replies.save_draft(db, case_id, agent, "", now)
        reply = replies.get(db, reply_id)
        assert reply is not None  # noqa: S101
        return reply


def settle(store: Store, reply_id: ReplyId, *, out: bool, agent: str, now: datetime) -> None:
    """A person has looked whether a reply of unknown outcome is out, and says what they saw.

    One that is out counts since its last attempt, and is sent without a post of its own until the platform
    shows one. One that is not out has failed: its words go back to who wrote it, and to who looked.
    Raises NotFoundError; ConflictError where somebody else was first, or nobody doubts the reply any more.
    """
    with store.write() as db:
        reply = replies.get(db, reply_id)
        if reply is None:
            raise NotFoundError(f"There is no reply {reply_id} in this store.")
        if reply.state is not ReplyState.UNCONFIRMED:
            raise ConflictError(_no_doubt(db, reply))
        said = Event(EventKind.REPLY_SETTLED, now, agent, data={"reply": reply.id, "out": out})
        advance(db, reply.case_id, [said], now)
        if not out:
            _fail(store, reply, ReplyState.UNCONFIRMED, now, f"{agent} has looked, and it is not out.")
            replies.restore_draft(db, reply.case_id, agent, reply.text, now)
            return
        question = mentions.get(db, reply.mention_id)
        assert question is not None, "foreign keys keep it"  # noqa: S101
        sent_at = _believable(reply.attempted_at or reply.approved_at, question, now)
        replies.change(db, reply.id, ReplyState.UNCONFIRMED, ReplyState.SENT, sent_at=sent_at)
        advance(db, reply.case_id, [said_out(reply, sent_at)], now)


def _no_doubt(db: Database, reply: Reply) -> str:
    """Why nobody need say any more whether a reply is out."""
    for event in reversed(events.of_case(db, reply.case_id)):
        if event.kind is EventKind.REPLY_SETTLED and event.data["reply"] == reply.id:
            verdict = "out" if event.data["out"] else "not out"
            return f"{event.actor} has already said that the reply is {verdict}."
    match reply.state:
        case ReplyState.SENT:
            return f"The reply is out: {platform_of(reply.source).title} shows it."
        case ReplyState.FAILED:
            return "The reply has failed: it is certainly not out."
        case ReplyState.CANCELLED:
            return "The reply was taken back before it went out."
        case _:
            return "The reply is on its way: wait for what comes of it."


def send_due(store: Store, senders: Mapping[str, ReplySender], now: datetime) -> int:
    """Send what is due and read back what is unknown; how many replies became public.

    `senders` by source; replies on other platforms wait for the process that has their sender. Safe to run
    in any number of processes: each reply is claimed by one.
    """
    _expire_leases(store, now)
    public = 0
    for reply in _due(store, ReplyState.UNCONFIRMED, now, senders):
        public += _read_back(store, senders[reply.source], reply, now)
    for reply in _due(store, ReplyState.APPROVED, now, senders):
        if _claim(store, reply, now):
            public += _send(store, senders[reply.source], reply, now)
    return public


def _due(store: Store, state: ReplyState, now: datetime, senders: Container[str]) -> list[Reply]:
    with store.read() as db:
        due = replies.due(db, state, now)
    # A pass is kept short, so that the leases which it takes still run when its last reply is sent.
    return [reply for reply in due if reply.source in senders][:PASS_SIZE]


def _expire_leases(store: Store, now: datetime) -> None:
    with store.read() as db:
        expired = replies.due(db, ReplyState.SENDING, now)
    for reply in expired:
        _unknown(store, reply, now, "The sender stopped before it could tell what happened.")


def _claim(store: Store, reply: Reply, now: datetime) -> bool:
    """Take a reply for sending; False where another sender has it, or where it was overtaken."""
    with store.write() as db:
        overtaken = _overtaken(db, reply)
        if overtaken:
            _fail(store, reply, ReplyState.APPROVED, now, overtaken)
            return False
        return replies.change(
            db,
            reply.id,
            ReplyState.APPROVED,
            ReplyState.SENDING,
            send_after=now + timedelta(seconds=LEASE_SECONDS),
            attempted_at=now,
        )


def _overtaken(db: Database, reply: Reply) -> str:
    """Why a reply that was approved is not to be sent any more; empty where it is."""
    if mentions.is_deleted(db, reply.mention_id):
        return "The customer has deleted the post; nothing was sent."
    case, log = cases.get(db, reply.case_id), events.of_case(db, reply.case_id)
    if case is not None and case.state in CLOSED:
        closed_by = next(event.actor for event in reversed(log) if event.kind in _CLOSING)
        # Who answers and puts the case away at once wants both; a colleague may have had a reason against it.
        if closed_by != reply.agent:
            return f"The case was {case.state} meanwhile; nothing was sent."
    approved, answers_before = False, set()
    for event in log:
        if event.kind is EventKind.REPLY_APPROVED and event.data["reply"] == reply.id:
            approved = True
        elif event.kind is EventKind.BRAND_REPLIED and not event.data.get("automatic"):
            # The post of an earlier reply may come long after a person has said that the reply is out.
            earlier = event.data["reply"] is not None and event.data["reply"] in answers_before
            if approved and not earlier:
                return "The customer was answered meanwhile; nothing was sent."
            answers_before.add(event.data["reply"])
    return ""


def _send(store: Store, sender: ReplySender, reply: Reply, now: datetime) -> bool:
    try:
        sent = sender.send(_outgoing(store, reply))
    except SendRefusedError as error:
        _fail(store, reply, ReplyState.SENDING, now, str(error))
    except SendLaterError as error:
        with store.write() as db:
            replies.change(
                db,
                reply.id,
                ReplyState.SENDING,
                ReplyState.APPROVED,
                send_after=now + timedelta(seconds=error.retry_after_seconds),
                untried=True,
                error=str(error),
            )
    except SendUnknownError as error:
        _unknown(store, reply, now, str(error))
    else:
        _published(store, reply, sent, now)
        return True
    return False


def _read_back(store: Store, sender: ReplySender, reply: Reply, now: datetime) -> bool:
    try:
        found = sender.find(_outgoing(store, reply))
    except SendError as error:
        # Whatever stands in the way of looking, the outcome stays unknown: look again.
        wait = error.retry_after_seconds if isinstance(error, SendLaterError) else READ_BACK_SECONDS
        with store.write() as db:
            replies.change(
                db,
                reply.id,
                ReplyState.UNCONFIRMED,
                ReplyState.UNCONFIRMED,
                send_after=now + timedelta(seconds=wait),
                error=str(error),
            )
        return False
    if found is not None:
        _published(store, reply, found, now)
        return True
    if reply.attempts >= MAX_ATTEMPTS:
        _fail(
            store,
            reply,
            ReplyState.UNCONFIRMED,
            now,
            f"Tried {reply.attempts} times without an answer; it is not public.",
        )
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


def _published(store: Store, reply: Reply, sent: SentPost, now: datetime) -> None:
    """The reply is public: keep it as a post of the brand, and stop the clocks at the platform's time.

    The platform's word ends every other opinion, also a person's that came first.
    """
    with store.write() as db:
        question = mentions.get(db, reply.mention_id)
        assert question is not None, "foreign keys keep it"  # noqa: S101
        sent_at = _believable(sent.created_at, question, now)
        if not replies.prove(db, reply.id, external_id=sent.external_id, sent_at=sent_at):
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
            private=question.private,
        )
        mentions.insert(db, post, None)
        mentions.decide(db, post.id, "brand_post", ("A reply of this desk.",), reply.case_id)
        wordings.save(db, post, Wording.of(post.text), near=False)
        credit(db, reply, post, now)


def _believable(sent_at: datetime, question: Mention, now: datetime) -> datetime:
    """A platform's clock may be off: an answer is neither older than its question nor from the future."""
    return max(question.created_at, min(sent_at, now))


def _fail(store: Store, reply: Reply, expected: ReplyState, now: datetime, error: str) -> None:
    """The reply will not be sent: its words go back to the agent, and the clocks run on."""
    with store.write() as db:
        if replies.change(db, reply.id, expected, ReplyState.FAILED, error=error):
            failed = Event(EventKind.REPLY_FAILED, now, data={"reply": reply.id, "error": error})
            advance(db, reply.case_id, [failed], now)
            replies.restore_draft(db, reply.case_id, reply.agent, reply.text, now)


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
