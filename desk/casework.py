"""What agents do to a case.

Everything here raises NotFoundError, NotAllowedError (the state forbids it) or ConflictError (somebody else
was first, or the customer wrote what the agent has not seen).
"""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from desk.caselog import advance
from desk.errors import ConflictError, NotAllowedError, NotFoundError
from desk.model.case import Case, CaseId, Severity, allowed
from desk.model.correction import Label
from desk.model.event import UNDOABLE, Event, EventKind
from desk.model.mention import Mention
from desk.model.reply import ReplyId, ReplyState
from desk.model.timeline import effective
from desk.store import Store, cases, events, mentions, replies


def claim(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    """Take a case, also one that somebody else has; nothing happens where it is the agent's already."""
    with store.write() as db:
        case = _existing(db, case_id)
        if case.assignee == agent:
            return case
        return _act(db, case, Event(EventKind.CLAIMED, now, agent), now)


def release(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    with store.write() as db:
        case = _existing(db, case_id)
        if case.assignee is None:
            raise NotAllowedError(f"Case {case_id} belongs to nobody.")
        return _act(db, case, Event(EventKind.RELEASED, now, agent), now)


def snooze(
    store: Store, case_id: CaseId, *, agent: str, until: datetime, now: datetime, seen: int | None = None
) -> Case:
    """Put a case away until a moment to come, or until its customer writes. Its clocks run on."""
    if until <= now:
        raise NotAllowedError("Choose a time that is still to come.")
    with store.write() as db:
        refuse_unseen(db, case_id, seen)
        event = Event(EventKind.SNOOZED, now, agent, data={"until": until.isoformat()})
        return _act(db, _existing(db, case_id), event, now)


def wake(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    return _simple(store, case_id, EventKind.WOKEN, agent, now)


def note(store: Store, case_id: CaseId, *, agent: str, text: str, now: datetime) -> Case:
    """An internal note: nobody outside sees it, and it stops no clock."""
    if not text.strip():
        raise NotAllowedError("The note is empty.")
    with store.write() as db:
        event = Event(EventKind.NOTED, now, agent, data={"text": text.strip()})
        return _act(db, _existing(db, case_id), event, now)


def resolve(store: Store, case_id: CaseId, *, agent: str, now: datetime, seen: int | None = None) -> Case:
    with store.write() as db:
        refuse_unseen(db, case_id, seen)
        return _simple(store, case_id, EventKind.RESOLVED, agent, now)


def dismiss(
    store: Store, case_id: CaseId, *, agent: str, reason: str, now: datetime, seen: int | None = None
) -> Case:
    """Not for us. The reason is kept: it is what the classifier can learn from."""
    with store.write() as db:
        refuse_unseen(db, case_id, seen)
        event = Event(EventKind.DISMISSED, now, agent, data={"reason": reason})
        return _act(db, _existing(db, case_id), event, now)


def reopen(store: Store, case_id: CaseId, *, agent: str, now: datetime) -> Case:
    return _simple(store, case_id, EventKind.REOPENED, agent, now)


def set_severity(store: Store, case_id: CaseId, *, agent: str, severity: Severity, now: datetime) -> Case:
    with store.write() as db:
        case = _existing(db, case_id)
        if case.severity is severity:
            return case
        event = Event(EventKind.SEVERITY_CHANGED, now, agent, data={"severity": severity.word})
        return _act(db, case, event, now)


def correct(store: Store, case_id: CaseId, *, agent: str, post: Mention, label: Label, now: datetime) -> Case:
    """Say what a post of the case is; `post` as the agent has it before them.

    The post's id stands in the details: the log takes a post once under each kind, and an agent may think
    again. Raises ConflictError where the post has other words by now.
    """
    if not label.says_something:
        raise NotAllowedError("Say what the post is.")
    with store.write() as db:
        case = _existing(db, case_id)
        current = mentions.get(db, post.id)
        if current is None or mentions.customer_of(db, post.id) != case.customer_id:
            raise NotAllowedError("Only a post by the case's customer can be corrected.")
        if not current.text.strip():
            raise NotAllowedError("The post has no words that the classifier could learn from.")
        if current.text != post.text:
            raise ConflictError("The customer changed the post meanwhile: look at the case again.")
        data = {"mention": post.id, **label.to_data()}
        return _act(db, case, Event(EventKind.CORRECTED, now, agent, data=data), now)


def undo(store: Store, case_id: CaseId, *, agent: str, now: datetime, kind: EventKind | None = None) -> Event:
    """Take back what the agent did last to the case, as long as nothing has happened since.

    `kind` is the act that the agent means, where they were shown one: no other is taken back.
    Returns the event that no longer counts. A reply can be taken back until a sender has claimed it.
    """
    with store.write() as db:
        _existing(db, case_id)
        counted = sorted(effective(events.of_case(db, case_id)), key=lambda event: event.seq)
        last = counted[-1]
        if last.actor != agent or last.kind not in UNDOABLE or kind not in (None, last.kind):
            raise NotAllowedError("There is nothing of yours to take back: something else happened since.")
        if last.kind is EventKind.REPLY_APPROVED:
            reply_id = ReplyId(last.data["reply"])
            if not replies.change(db, reply_id, ReplyState.APPROVED, ReplyState.CANCELLED):
                raise ConflictError("Too late: the reply is already on its way.")
            cancelled = replies.get(db, reply_id)
            if cancelled is not None:
                replies.restore_draft(db, case_id, agent, cancelled.text, now)
        advance(db, case_id, [Event(EventKind.UNDONE, now, agent, data={"seq": last.seq})], now)
        return last


def refuse_unseen(db: Database, case_id: CaseId, seen: int | None) -> None:
    """Let nobody put away or answer what they have not read.

    `seen` is the case's version that the agent had before them; None asks for no check. Raises ConflictError.
    """
    if seen is not None and any(
        event.seq > seen and event.kind in {EventKind.CUSTOMER_WROTE, EventKind.POST_EDITED}
        for event in events.of_case(db, case_id)
    ):
        raise ConflictError("The customer wrote meanwhile: look at the case again.")


def _simple(store: Store, case_id: CaseId, kind: EventKind, agent: str, now: datetime) -> Case:
    with store.write() as db:
        return _act(db, _existing(db, case_id), Event(kind, now, agent), now)


def _existing(db: Database, case_id: CaseId) -> Case:
    case = cases.get(db, case_id)
    if case is None:
        raise NotFoundError(f"There is no case {case_id} in this store.")
    return case


def _act(db: Database, case: Case, event: Event, now: datetime) -> Case:
    if not allowed(case.state, event.kind):
        raise NotAllowedError(f"Case {case.id} is {case.state}: it cannot be {event.kind.replace('_', ' ')}.")
    return advance(db, case.id, [event], now)
