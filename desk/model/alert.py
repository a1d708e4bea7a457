"""An alert that a chat or a webhook should receive once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from desk.model.case import CaseId

AlertId = NewType("AlertId", int)


class AlertKind(StrEnum):
    BREACH_AHEAD = "breach_ahead"
    BREACH = "breach"
    URGENT = "urgent"


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
    case_id: CaseId
    window: str
    """What makes it the same alert: the clock and its due time. One alert per (kind, case, window)."""
    at: datetime
    """When the rule became true, from event times, not from the sweep that found it."""
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert with everything that a receiver needs to act, made when it is delivered.

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
    """At most 280 characters of the customer's latest post."""
    url: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert's way to one channel."""

    alert: Alert
    channel: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_error: str = ""
