"""What a platform charges for its requests, and how far a month's budget has been used.

Money is counted in whole millionths of a US dollar, so that a tenth of a cent adds up exactly. A month is a
calendar month in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

MICRO = 1_000_000
"""Millionths in a dollar."""
HELD = "held"
"""Kind of what is reserved for requests under way: it counts against a cap, but is not used yet."""
UNANSWERED = "unanswered"
"""Kind of what was reserved for requests of which nobody knows what they brought."""
SLOW_FROM = 0.8
"""Share of a budget that may be used as it comes; what is left after it is spread over the month."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Things of one kind, and what they cost. Negative where a charge is taken back."""

    kind: str
    """"post", "user", "reply", …: what the platform sells."""
    count: int
    micro_usd: int
    reads: int = 0
    """How many of them count towards a cap in reads."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one account has used in one month."""

    micro_usd: int = 0
    reads: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What an account may use in a month; None where there is no cap."""

    account: str
    """Name of the [[sources]] whose requests are counted together."""
    micro_usd: int | None = None
    reads: int | None = None

    @property
    def capped(self) -> bool:
        return self.micro_usd is not None or self.reads is not None

    def allows(self, spent: Spent, charge: Charge) -> bool:
        """Nothing goes beyond a cap when `charge` is added."""
        return (self.micro_usd is None or spent.micro_usd + charge.micro_usd <= self.micro_usd) and (
            self.reads is None or spent.reads + charge.reads <= self.reads
        )

    def share(self, spent: Spent) -> float:
        """How much is used, of the cap of which the most is used: 1 is all of it."""
        shares = [0.0]
        for used, cap in ((spent.micro_usd, self.micro_usd), (spent.reads, self.reads)):
            if cap is not None:
                shares.append(used / cap if cap else 1.0)
        return max(shares)


class Pace(StrEnum):
    FREE = "free"
    SLOW = "slow"
    """Most of the budget is used, sooner than the month: what is left has to last."""
    STOPPED = "stopped"
    """Nothing is read before the next month."""


def month_of(at: datetime) -> str:
    """ "2026-11", in UTC."""
    return f"{at.astimezone(UTC):%Y-%m}"


def month_bounds(at: datetime) -> tuple[datetime, datetime]:
    """When the month began, and when the next one begins."""
    begun = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if begun.month == 12:
        return begun, begun.replace(year=begun.year + 1, month=1)
    return begun, begun.replace(month=begun.month + 1)


def elapsed(at: datetime) -> float:
    """How much of the month has passed: 0 to 1."""
    begun, ends = month_bounds(at)
    return (at - begun) / (ends - begun)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands in the running month."""

    budget: Budget
    spent: Spent
    at: datetime
    stopped: bool = False
    """A request was held back because its cost might have gone beyond the cap."""

    @property
    def share(self) -> float:
        return self.budget.share(self.spent)

    @property
    def pace(self) -> Pace:
        if self.stopped:
            return Pace.STOPPED
        if self.share >= SLOW_FROM and self.share > elapsed(self.at):
            return Pace.SLOW
        return Pace.FREE

    @property
    def projected_micro_usd(self) -> int:
        """What the month comes to if it goes on as it began."""
        passed = elapsed(self.at)
        return round(self.spent.micro_usd / passed) if passed else self.spent.micro_usd

    def used(self) -> str:
        """The use so far beside what is allowed, in words: "$12.40 of $50.00, 2,300 reads"."""
        money, reads = dollars(self.spent.micro_usd), f"{self.spent.reads:,}"
        if self.budget.micro_usd is not None:
            money += f" of {dollars(self.budget.micro_usd)}"
        if self.budget.reads is not None:
            reads += f" of {self.budget.reads:,}"
        return f"{money}, {reads} reads"

    def trouble(self) -> str:
        """What an agent has to know before they trust a quiet queue; empty while there is nothing."""
        _, ends = month_bounds(self.at)
        match self.pace:
            case Pace.STOPPED:
                return f"{self.budget.account} has used up its budget: nothing is read until {day(ends)}"
            case Pace.SLOW:
                return f"{self.budget.account} reads slowly: {self.share:.0%} of its budget is used"
        return ""


def dollars(micro_usd: int) -> str:
    return f"${micro_usd / MICRO:,.2f}"


def day(at: datetime) -> str:
    return f"{at.day} {at:%B}"
