"""Service levels: three clocks, their targets, and which policy a case gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any

from desk.errors import InputError
from desk.model.calendar import ALWAYS_OPEN, BusinessCalendar


class Clock(StrEnum):
    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """Targets in working seconds on one calendar; a clock without a target never breaches."""

    name: str
    calendar: BusinessCalendar = ALWAYS_OPEN
    first_response_seconds: int | None = None
    next_response_seconds: int | None = None
    resolution_seconds: int | None = None

    def target_seconds(self, clock: Clock) -> int | None:
        match clock:
            case Clock.FIRST_RESPONSE:
                return self.first_response_seconds
            case Clock.NEXT_RESPONSE:
                return self.next_response_seconds
            case Clock.RESOLUTION:
                return self.resolution_seconds

    @property
    def id(self) -> str:
        """Name and a digest of the whole definition: an edited policy is another policy, so that
        what a past case was promised never changes."""
        digest = hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.name}@{digest}"

    def to_json(self) -> dict[str, Any]:
        calendar = self.calendar
        return {
            "name": self.name,
            "first_response_seconds": self.first_response_seconds,
            "next_response_seconds": self.next_response_seconds,
            "resolution_seconds": self.resolution_seconds,
            "calendar": {
                "name": calendar.name,
                "timezone": calendar.timezone,
                "week": [[[a.isoformat(), b.isoformat()] for a, b in day] for day in calendar.week],
                "holidays": sorted(day.isoformat() for day in calendar.holidays),
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SlaPolicy:
        calendar = data["calendar"]
        return cls(
            name=data["name"],
            first_response_seconds=data["first_response_seconds"],
            next_response_seconds=data["next_response_seconds"],
            resolution_seconds=data["resolution_seconds"],
            calendar=BusinessCalendar(
                calendar["name"],
                calendar["timezone"],
                tuple(
                    tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in day)
                    for day in calendar["week"]
                ),
                frozenset(date.fromisoformat(day) for day in calendar["holidays"]),
            ),
        )


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """When its conditions hold, its policy is chosen. An absent condition holds always."""

    policy: SlaPolicy
    brand: str | None = None
    source: str | None = None
    severity: str | None = None
    language: str | None = None

    def matches(self, *, brand: str, source: str, severity: str, language: str) -> bool:
        return all(
            wanted is None or wanted == actual
            for wanted, actual in (
                (self.brand, brand),
                (self.source, source),
                (self.severity, severity),
                (self.language, language),
            )
        )


def choose_policy(
    rules: Sequence[PolicyRule], *, brand: str, source: str, severity: str, language: str
) -> SlaPolicy:
    """The first rule that matches decides. Raises InputError when none does."""
    for rule in rules:
        if rule.matches(brand=brand, source=source, severity=severity, language=language):
            return rule.policy
    raise InputError(
        f"No SLA policy matches brand {brand}, source {source}, severity {severity}, language {language}; "
        "end [[sla.rules]] in config.toml with a rule that has no conditions."
    )
