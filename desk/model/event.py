"""Events: what happened to a case, append-only; everything else about a case follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from desk.model.mention import MentionId


class EventKind(StrEnum):
    OPENED = "opened"
    POLICY_CHOSEN = "policy_chosen"
    CUSTOMER_WROTE = "customer_wrote"
    POST_EDITED = "post_edited"
    """A customer's post that asked for nothing, and after an edit does."""
    POST_DELETED = "post_deleted"
    """A post of the case, by either side, was taken back by its author."""
    BRAND_REPLIED = "brand_replied"
    REPLY_APPROVED = "reply_approved"
    REPLY_FAILED = "reply_failed"
    REPLY_SETTLED = "reply_settled"
    """A person has looked whether a reply of unknown outcome is out; what follows stands beside it."""
    CLAIMED = "claimed"
    RELEASED = "released"
    SNOOZED = "snoozed"
    WOKEN = "woken"
    NOTED = "noted"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    DISMISSED = "dismissed"
    SEVERITY_CHANGED = "severity_changed"
    CORRECTED = "corrected"
    """An agent said what a post of the case is: the classifier may learn from it."""
    UNDONE = "undone"


UNDOABLE = frozenset(
    {
        EventKind.REPLY_APPROVED,
        EventKind.CLAIMED,
        EventKind.RELEASED,
        EventKind.SNOOZED,
        EventKind.NOTED,
        EventKind.RESOLVED,
        EventKind.REOPENED,
        EventKind.DISMISSED,
        EventKind.SEVERITY_CHANGED,
        EventKind.CORRECTED,
    }
)
"""What an agent may take back; a reply only until a sender has claimed it."""

SYSTEM = "answerback"
"""Actor of what nobody did by hand."""


@dataclass(frozen=True, slots=True)
class Event:
    kind: EventKind
    at: datetime
    """When it happened in the world (a post's own time), aware UTC: clocks and reports use this."""
    actor: str = SYSTEM
    """An agent's name, or SYSTEM."""
    mention_id: MentionId | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able details, by kind:
    opened: conversation, source, brand, customer, opening, severity, language, reasons, linked_case;
    policy_chosen: policy; customer_wrote, post_edited: awaits_answer; brand_replied: reply, automatic;
    reply_approved, reply_failed: reply (and error); reply_settled: reply, out; snoozed: until; noted: text;
    severity_changed: severity; corrected: mention, and of complaint, sentiment, reason what was said;
    dismissed: reason; undone: seq."""
    seq: int = 0
    """Position in the log, given by the store; 0 before."""
    recorded_at: datetime | None = None
    """When the store took it."""
