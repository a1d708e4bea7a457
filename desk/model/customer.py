"""A customer and the accounts under which they write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

CustomerId = NewType("CustomerId", int)


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's identity on one platform."""

    source: str
    external_id: str
    handle: str
    legal_basis: str
    """Why this account may be linked to the customer, for example "public account"."""


@dataclass(frozen=True, slots=True)
class Customer:
    id: CustomerId
    name: str
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class CustomerField:
    """One fact from the operator's own records."""

    name: str
    value: str
    origin: str
    """Where it came from, for example the imported file's name."""


@dataclass(frozen=True, slots=True)
class Mood:
    """Sentiment of one of the customer's posts, for a line over time."""

    at: datetime
    negative: float
    positive: float
