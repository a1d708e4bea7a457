"""The SLA report as values. Durations are seconds; wall time and working time are different units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from desk.model.case import CaseId
from desk.model.sla import Clock, SlaPolicy


class GroupBy(StrEnum):
    BRAND = "brand"
    CHANNEL = "channel"
    AGENT = "agent"
    SEVERITY = "severity"
    LANGUAGE = "language"
    POLICY = "policy"
    DAY = "day"


class Scope(StrEnum):
    """Which cases count."""

    COMPLAINTS = "complaints"
    """Opened because the classifier called the first post a complaint."""
    ALL = "all"
    """Also those that a person was asked to look at, or that a setting opens for every thread."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Quartiles and the 90th percentile, in seconds, by linear interpolation between closest ranks.

    That is the default of numpy and of spreadsheets (Hyndman and Fan, 1996, type 7). None without values.
    """

    n: int
    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Durations:
        ordered = sorted(seconds)
        return cls(len(ordered), *(percentile(ordered, share) for share in (0.25, 0.5, 0.75, 0.9)))


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of an ascending sequence lies; None of an empty one."""
    if not ordered:
        return None
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


@dataclass(frozen=True, slots=True)
class Attainment:
    """How often a clock kept its target."""

    met: int
    missed: int
    running: int
    """Still running and not yet due, or closed before its time without an answer: counts neither way."""

    @property
    def rate(self) -> float | None:
        """Share that kept the target, 0 to 1; None where none is decided."""
        decided = self.met + self.missed
        return self.met / decided if decided else None


@dataclass(frozen=True, slots=True)
class ClockFigures:
    wall: Durations
    working: Durations
    """In the working time of each case's own calendar."""
    attainment: Attainment


@dataclass(frozen=True, slots=True)
class Figures:
    cases: int
    answered: int
    unanswered: int
    resolved: int
    clocks: dict[Clock, ClockFigures]

    @property
    def answer_rate(self) -> float | None:
        """Share of cases that got a public answer, 0 to 1; None without cases."""
        return self.answered / self.cases if self.cases else None

    @property
    def breaches(self) -> int:
        return sum(figures.attainment.missed for figures in self.clocks.values())


@dataclass(frozen=True, slots=True)
class Breach:
    case_id: CaseId
    brand: str
    source: str
    clock: Clock
    due_at: datetime
    stopped_at: datetime | None
    """When the clock stopped after all; None while it runs."""
    agent: str | None


@dataclass(frozen=True, slots=True)
class Threads:
    """The same cases seen as conversations: several customers of one thread count once."""

    n: int
    answered: int
    first_response: Durations
    """Wall time from a thread's first customer post that has a case to its first public answer."""


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    opened: int
    answered: int
    """Of the cases opened that day, at whatever time the answer came."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A stretch of time from which a source's posts may be missing for good."""

    source: str
    since: datetime
    until: datetime
    reason: str
    """The platform's or the source's words."""


@dataclass(frozen=True, slots=True)
class Report:
    opened_from: datetime
    opened_to: datetime
    """Half-open: cases opened from the one, before the other."""
    made_at: datetime
    """Running clocks are judged as of this time."""
    scope: Scope
    grouped_by: GroupBy | None
    total: Figures
    groups: tuple[tuple[str, Figures], ...]
    threads: Threads
    breaches: tuple[Breach, ...]
    days: tuple[Day, ...]
    dismissed: int
    """Cases that agents dismissed as not for them; they count nowhere else."""
    policies: tuple[SlaPolicy, ...] = ()
    """What the counted cases were promised, by id: a rate means little beside an unknown target."""
    missing: tuple[Missing, ...] = ()
    """Gaps that overlap the period, oldest first: what is not here cannot be counted."""
    copies: int = 0
    """Posts that only repeat a counted case's first one; they count nowhere else."""
