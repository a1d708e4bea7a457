"""What an agent does to a case: the use case to call, and the sentence to say when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from desk import casework, outbox, threads
from desk.model.case import Case, CaseId, Severity
from desk.model.correction import Label
from desk.model.event import EventKind
from desk.model.mention import Mention
from desk.model.reply import Reply
from desk.store import Store
from tui.text import writer

Run = Callable[[Store, datetime], object]
"""Does it, given the store and the time."""


@dataclass(frozen=True, slots=True)
class Act:
    case_id: CaseId
    kind: EventKind
    said: str
    """What the agent reads when it is done, a sentence without its full stop."""
    run: Run
    leaves: bool = False
    """The case is off the agent's hands: the cursor goes on to the next one."""
    undoable: bool = True
    undoes: Act | None = None
    words: str = ""
    """What the agent wrote for it, to be given back where it could not be kept."""


def claim(case: Case, agent: str) -> Act:
    taken = f", taken over from {case.assignee}" if case.assignee else ""
    return Act(
        case.id,
        EventKind.CLAIMED,
        f"Case {case.id} is yours{taken}",
        lambda store, now: casework.claim(store, case.id, agent=agent, now=now),
    )


def release(case: Case, agent: str) -> Act:
    return Act(
        case.id,
        EventKind.RELEASED,
        f"Case {case.id} belongs to nobody again",
        lambda store, now: casework.release(store, case.id, agent=agent, now=now),
    )


def snooze(case: Case, agent: str, until: datetime, words: str) -> Act:
    return Act(
        case.id,
        EventKind.SNOOZED,
        f"Case {case.id} comes back {words}, or when the customer writes",
        lambda store, now: casework.snooze(
            store, case.id, agent=agent, until=until, now=now, seen=case.version
        ),
        leaves=True,
    )


def wake(case: Case, agent: str) -> Act:
    return Act(
        case.id,
        EventKind.WOKEN,
        f"Case {case.id} is back in the queue",
        lambda store, now: casework.wake(store, case.id, agent=agent, now=now),
        undoable=False,
    )


def note(case_id: CaseId, agent: str, text: str) -> Act:
    return Act(
        case_id,
        EventKind.NOTED,
        f"Noted on case {case_id}",
        lambda store, now: casework.note(store, case_id, agent=agent, text=text, now=now),
        words=text,
    )


def resolve(case: Case, agent: str) -> Act:
    return Act(
        case.id,
        EventKind.RESOLVED,
        f"Case {case.id} resolved",
        lambda store, now: casework.resolve(store, case.id, agent=agent, now=now, seen=case.version),
        leaves=True,
    )


def dismiss(case: Case, agent: str, reason: str) -> Act:
    return Act(
        case.id,
        EventKind.DISMISSED,
        f"Case {case.id} dismissed",
        lambda store, now: casework.dismiss(
            store, case.id, agent=agent, reason=reason, now=now, seen=case.version
        ),
        leaves=True,
    )


def reopen(case: Case, agent: str) -> Act:
    return Act(
        case.id,
        EventKind.REOPENED,
        f"Case {case.id} is open again",
        lambda store, now: casework.reopen(store, case.id, agent=agent, now=now),
    )


def set_severity(case: Case, agent: str, severity: Severity) -> Act:
    return Act(
        case.id,
        EventKind.SEVERITY_CHANGED,
        f"Case {case.id} is now {severity.word}",
        lambda store, now: casework.set_severity(store, case.id, agent=agent, severity=severity, now=now),
    )


def correct(case: Case, agent: str, post: Mention, label: Label) -> Act:
    return Act(
        case.id,
        EventKind.CORRECTED,
        f"Kept for the classifier: {label.words}",
        lambda store, now: casework.correct(store, case.id, agent=agent, post=post, label=label, now=now),
    )


def open_copy(case: Case, agent: str, copy: Mention) -> Act:
    return Act(
        case.id,
        EventKind.OPENED,
        f"{writer(copy)}’s post is a case of its own now",
        lambda store, now: threads.open_copy(store, copy.id, agent=agent, now=now),
        undoable=False,
    )


def approve(case: Case, agent: str, text: str, undo_seconds: float) -> Act:
    return Act(
        case.id,
        EventKind.REPLY_APPROVED,
        "Your reply goes out in a few seconds",
        lambda store, now: outbox.approve(
            store, case.id, agent=agent, text=text, now=now, undo_seconds=undo_seconds, seen=case.version
        ),
    )


def settle(case: Case, agent: str, reply: Reply, *, out: bool) -> Act:
    said = "The reply counts as sent" if out else "The reply counts as not sent; its words are a draft again"
    return Act(
        case.id,
        EventKind.REPLY_SETTLED,
        said,
        lambda store, now: outbox.settle(store, reply.id, out=out, agent=agent, now=now),
        undoable=False,
    )


def undo(act: Act, agent: str) -> Act:
    words = {
        EventKind.REPLY_APPROVED: "The reply is taken back; your words are in the composer",
    }.get(act.kind, f"Taken back: {act.said[0].lower()}{act.said[1:]}")
    return Act(
        act.case_id,
        EventKind.UNDONE,
        words,
        lambda store, now: casework.undo(store, act.case_id, agent=agent, now=now, kind=act.kind),
        undoable=False,
        undoes=act,
    )
