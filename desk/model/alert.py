"""An alert that a chat or a webhook should receive once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from desk.model.case import CaseId
from desk.model.health import SourceName

AlertId = NewType("AlertId", int)


class AlertKind(StrEnum):
    BREACH_AHEAD = "breach_ahead"
    BREACH = "breach"
    URGENT = "urgent"
    SOURCE_SILENT = "source_silent"
    """A source has given nothing for too long, not even "nothing new", or refuses for good."""


Subject = CaseId | SourceName
"""What an alert is about; at run time a number is a case and a text is a source."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    MOOT = "moot"
    """No longer worth saying: answered in the meantime, or long past."""
    DEAD = "dead"
    """Given up; kept for a person to send again."""


@dataclass(frozen=True, slots=True)
class Alert:
    id: AlertId
    kind: AlertKind
    subject: Subject
    window: str
    """What makes it the same alert: the clock and its due time, or the last success of a source.
    One alert per (kind, subject, window)."""
    at: datetime
    """When the rule became true, from event times, not from the sweep that found it."""
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class CaseNotice:
    """An alert about a case with everything that a receiver needs to act, made when it is delivered.

    `customer` and `excerpt` are outside words: whoever renders them escapes the target's mark-up.
    """

    message_id: str
    """The same on every attempt: the receiver's idempotency key."""
    kind: AlertKind
    at: datetime
    case_id: CaseId
    brand: str
    source: str
    severity: str
    state: str
    assignee: str | None
    due_at: datetime | None
    customer: str
    excerpt: str
    """At most 280 characters of the customer's latest post; none of a private one."""
    url: str | None
    private: bool = False
    """The customer's latest post is for the desk alone."""


@dataclass(frozen=True, slots=True)
class SourceNotice:
    """An alert about a source with everything that a receiver needs to act, made when it is delivered.

    `error` quotes a platform's answer: whoever renders it escapes the target's mark-up.
    """

    message_id: str
    """The same on every attempt: the receiver's idempotency key."""
    kind: AlertKind
    at: datetime
    source: str
    state: str
    """What the source said of itself last: "ok" where it hangs, else "backing_off" or "stopped"."""
    last_success_at: datetime | None
    """None where it never succeeded."""
    error: str
    permanent: bool
    """It will not come back before a person changes something."""


Notice = CaseNotice | SourceNotice


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert's way to one channel."""

    alert: Alert
    channel: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_error: str = ""
