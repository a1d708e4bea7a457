"""A case: one customer's complaint in one conversation, and the table of its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NewType

from desk.errors import NotAllowedError
from desk.model.customer import CustomerId
from desk.model.event import EventKind
from desk.model.mention import ConversationId, MentionId
from desk.model.sla import Clock

CaseId = NewType("CaseId", int)


class CaseState(StrEnum):
    NEW = "new"
    ASSIGNED = "assigned"
    WAITING = "waiting"
    """Answered; the customer's turn."""
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"
    """Not for us: noise that the triage let through."""


CLOSED = frozenset({CaseState.RESOLVED, CaseState.DISMISSED})


class Severity(IntEnum):
    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Opening(StrEnum):
    """Why the case exists; reports filter on it."""

    COMPLAINT = "complaint"
    NEEDS_LOOK = "needs_look"
    """The classifier was not sure: a person decides."""
    EVERY_MENTION = "every_mention"
    """No complaint, but the operator asked for a case per thread."""


_OURS = "ours"
"""Stands for `assigned` where the case has an owner and `new` where it has none."""

_TRANSITIONS: Mapping[CaseState, Mapping[EventKind, CaseState | str]] = {
    CaseState.NEW: {
        EventKind.CUSTOMER_WROTE: _OURS,
        EventKind.POST_EDITED: _OURS,
        EventKind.BRAND_REPLIED: CaseState.WAITING,
        EventKind.CLAIMED: CaseState.ASSIGNED,
        EventKind.SNOOZED: CaseState.SNOOZED,
        EventKind.RESOLVED: CaseState.RESOLVED,
        EventKind.DISMISSED: CaseState.DISMISSED,
    },
    CaseState.ASSIGNED: {
        EventKind.CUSTOMER_WROTE: _OURS,
        EventKind.POST_EDITED: _OURS,
        EventKind.BRAND_REPLIED: CaseState.WAITING,
        EventKind.CLAIMED: CaseState.ASSIGNED,
        EventKind.RELEASED: CaseState.NEW,
        EventKind.SNOOZED: CaseState.SNOOZED,
        EventKind.RESOLVED: CaseState.RESOLVED,
        EventKind.DISMISSED: CaseState.DISMISSED,
    },
    CaseState.WAITING: {
        EventKind.CUSTOMER_WROTE: _OURS,
        EventKind.POST_EDITED: _OURS,
        EventKind.BRAND_REPLIED: CaseState.WAITING,
        EventKind.CLAIMED: CaseState.WAITING,
        EventKind.RELEASED: CaseState.WAITING,
        EventKind.SNOOZED: CaseState.SNOOZED,
        EventKind.RESOLVED: CaseState.RESOLVED,
        EventKind.DISMISSED: CaseState.DISMISSED,
    },
    CaseState.SNOOZED: {
        EventKind.CUSTOMER_WROTE: _OURS,
        EventKind.POST_EDITED: _OURS,
        EventKind.BRAND_REPLIED: CaseState.WAITING,
        EventKind.CLAIMED: CaseState.ASSIGNED,
        EventKind.WOKEN: _OURS,
        EventKind.SNOOZED: CaseState.SNOOZED,
        EventKind.RESOLVED: CaseState.RESOLVED,
        EventKind.DISMISSED: CaseState.DISMISSED,
    },
    CaseState.RESOLVED: {
        EventKind.REOPENED: _OURS,
        EventKind.BRAND_REPLIED: CaseState.RESOLVED,
        EventKind.CUSTOMER_WROTE: CaseState.RESOLVED,
        EventKind.POST_EDITED: CaseState.RESOLVED,
    },
    CaseState.DISMISSED: {
        EventKind.REOPENED: _OURS,
        EventKind.BRAND_REPLIED: CaseState.DISMISSED,
        EventKind.CUSTOMER_WROTE: CaseState.DISMISSED,
        EventKind.POST_EDITED: CaseState.DISMISSED,
    },
}
"""Kinds that are missing in every row (a note, a severity) leave the state as it is."""

_STATEFUL = frozenset(kind for row in _TRANSITIONS.values() for kind in row)


def allowed(state: CaseState, kind: EventKind) -> bool:
    """Whether an event of this kind may happen to a case in this state."""
    return kind not in _STATEFUL or kind in _TRANSITIONS[state]


def next_state(state: CaseState, kind: EventKind, *, owned: bool) -> CaseState:
    """The state after an event.

    `owned` says whether somebody has claimed the case. Raises NotAllowedError where the table has no way.
    """
    if kind not in _STATEFUL:
        return state
    target = _TRANSITIONS[state].get(kind)
    if target is None:
        raise NotAllowedError(f"A case that is {state} cannot be {kind.replace('_', ' ')}.")
    if target == _OURS:
        return CaseState.ASSIGNED if owned else CaseState.NEW
    return CaseState(target)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as its events leave it: never edited by hand, always `timeline.project(events)`."""

    id: CaseId
    conversation: ConversationId
    source: str
    brand: str
    customer_id: CustomerId
    opening: Opening
    language: str
    state: CaseState
    severity: Severity
    assignee: str | None
    policy_id: str
    opened_at: datetime
    due_at: datetime | None
    """When the earliest running clock breaches; None while no clock runs."""
    due_clock: Clock | None
    snoozed_until: datetime | None
    first_response_at: datetime | None
    closed_at: datetime | None
    last_mention_id: MentionId
    """The customer's latest post: what a reply answers and what the queue shows."""
    last_customer_at: datetime
    unanswered: int
    """Customer posts since the brand's last reply that await an answer."""
    linked_case_id: CaseId | None
    version: int
    """Sequence number of the case's last event; handed back with an act, it tells what the agent had seen."""
