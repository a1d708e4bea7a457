"""Business calendars: which instants count as working time."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from desk.errors import InputError

Interval = tuple[time, time]
"""Opening and closing in local time, half-open. A closing at or before its opening is on the next day."""

_HORIZON = timedelta(days=366 * 3)
"""How far ahead a due time is sought before the calendar is called empty."""


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Working hours by weekday in one timezone, less holidays (dates in that timezone)."""

    name: str
    timezone: str
    week: tuple[tuple[Interval, ...], ...]
    """Seven tuples of intervals, Monday first; where two overlap, the time counts once."""
    holidays: frozenset[date] = frozenset()
    _days: dict[date, tuple[tuple[datetime, datetime], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if len(self.week) != 7:
            raise InputError(f"Calendar {self.name}: expected seven days, got {len(self.week)}.")
        if not any(self.week):
            raise InputError(f"Calendar {self.name} has no working hours; give at least one day some.")

    def seconds_between(self, start: datetime, end: datetime) -> float:
        """Working seconds in [start, end); 0 where end is not after start."""
        total = timedelta()
        for opening, closing in self._open_from(start):
            if opening >= end:
                break
            total += min(closing, end) - opening
        return total.total_seconds()

    def add(self, start: datetime, seconds: float) -> datetime:
        """The first instant at which `seconds` of working time have passed since `start`.

        Raises InputError when the calendar has too few hours within three years.
        """
        left = timedelta(seconds=seconds)
        for opening, closing in self._open_from(start):
            if opening - start > _HORIZON:
                break
            if opening + left <= closing:
                return opening + left
            left -= closing - opening
        raise InputError(f"Calendar {self.name} has no working hours within three years of {start:%Y-%m-%d}.")

    def _open_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Working time from `start` on, without end: every calendar has hours, and holidays are finite."""
        # A shift that crosses midnight belongs to the day before: begin there.
        day = start.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=1)
        reached = start
        while True:
            for opening, closing in self._shifts(day):
                if closing > reached:
                    yield max(opening, reached), closing
                    reached = closing
            day += timedelta(days=1)

    def _shifts(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's shifts in UTC; a local time that a clock change skips or repeats is PEP 495's fold 0."""
        if day not in self._days:
            zone = ZoneInfo(self.timezone)
            shifts: list[tuple[datetime, datetime]] = []
            for opening, closing in () if day in self.holidays else self.week[day.weekday()]:
                end_day = day if closing > opening else day + timedelta(days=1)
                begin = datetime.combine(day, opening, zone).astimezone(UTC)
                end = datetime.combine(end_day, closing, zone).astimezone(UTC)
                if end > begin:
                    bisect.insort(shifts, (begin, end))
            self._days[day] = tuple(shifts)
        return self._days[day]


ALWAYS_OPEN = BusinessCalendar("always", "UTC", (((time(0), time(0)),),) * 7)
"""Twenty-four hours, seven days."""
