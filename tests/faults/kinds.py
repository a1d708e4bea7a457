"""The faults of the matrix, and what a platform's rig must do with them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    SLOW = "slow, but in time"
    TOO_SLOW = "slower than the time-out"
    RESET_BEFORE = "reset before it is done"
    RESET_AFTER = "reset after it is done"
    STATUS_401 = "401"
    STATUS_403 = "403"
    STATUS_404 = "404"
    STATUS_409 = "409"
    STATUS_422 = "422"
    LIMIT_BARE = "429 without a header"
    LIMIT_SECONDS = "429, Retry-After in seconds"
    LIMIT_DATE = "429, Retry-After as a date"
    LIMIT_EPOCH = "429, reset as an epoch"
    LIMIT_ISO = "429, reset as an ISO time"
    LIMIT_TO_GO = "429, reset as seconds to go"
    LIMIT_GARBAGE = "429, headers of garbage"
    STATUS_500 = "500"
    STATUS_503 = "503 with HTML"
    CUT = "cut off"
    HALF = "half of the JSON"
    WRONG_PAGE = "wrong types: the page"
    WRONG_FIELDS = "wrong types: the fields"
    TWICE = "pages twice"
    OUT_OF_ORDER = "pages out of order"
    SAME_FOR_EVER = "the same page for ever"
    ENDLESS = "an endless next token"
    AHEAD = "server 5 h ahead"
    BEHIND = "server 5 h behind"
    UNKNOWN_NAME = "name does not resolve"


FEW = frozenset({Kind.SLOW, Kind.TOO_SLOW})
"""Faults that cost real time: only the first requests meet them."""
ANNOUNCED = frozenset(
    {Kind.LIMIT_SECONDS, Kind.LIMIT_DATE, Kind.LIMIT_EPOCH, Kind.LIMIT_ISO, Kind.LIMIT_TO_GO}
)
"""Faults that say when they end."""


class Faults(Protocol):
    """How a rig's fake goes wrong."""

    def meaningless(self, kind: Kind) -> str:
        """Why a fault cannot happen on this platform; empty where it can."""
        ...

    def begin(self, kind: Kind, seconds: float, *, with_a_write: bool = False) -> datetime:
        """All requests meet this fault for so long, by the rig's clock; the moment at which it ends.

        `with_a_write`: the first that meets it is the next one that publishes a reply.
        """
        ...

    def end(self) -> None: ...

    @property
    def requests(self) -> int:
        """How many requests, or commands, were made so far."""
        ...
