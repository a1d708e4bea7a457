"""Times that agents choose: a few at hand, and what they write themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

import regex

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_OPENING = time(9)

_LENGTH = regex.compile(r"(\d{1,4})\s*(m|h|d|w)(?:in(?:utes?|s)?|ours?|ays?|eeks?)?")
_MOMENT = regex.compile(r"(?:(\d{4}-\d\d-\d\d|[a-z]+)\s*)?(?:(?:at\s+)?(\d{1,2})(?:[:.](\d\d))?)?")

EXAMPLES = "90m · 2h · 3d · 17:30 · fri 9:00 · 2026-12-24 10:00"


@dataclass(frozen=True, slots=True)
class Moment:
    words: str
    at: datetime


def suggestions(now: datetime, zone: tzinfo | None) -> list[Moment]:
    """The usual times to come back, in the agent's zone (None: the system's)."""
    today = _local(now, zone).date()
    monday = today + timedelta(days=7 - today.weekday())
    return [
        Moment("in 30 minutes", now + timedelta(minutes=30)),
        Moment("in an hour", now + timedelta(hours=1)),
        Moment("in 3 hours", now + timedelta(hours=3)),
        Moment("tomorrow at 9:00", _utc(datetime.combine(today + timedelta(days=1), _OPENING), zone)),
        Moment("on Monday at 9:00", _utc(datetime.combine(monday, _OPENING), zone)),
    ]


def parse(words: str, now: datetime, zone: tzinfo | None) -> datetime:
    """What an agent wrote, as a moment to come. Raises ValueError with a sentence for the agent."""
    wanted = words.strip().lower()
    if found := _LENGTH.fullmatch(wanted.removeprefix("in ").strip()):
        return now + int(found[1]) * _UNITS[found[2]]
    found = _MOMENT.fullmatch(wanted)
    if found is None or not wanted:
        raise ValueError(f"Write a time like {EXAMPLES}.")
    local = _local(now, zone)
    try:
        hour = time(int(found[2]), int(found[3] or 0)) if found[2] else _OPENING
        chosen = datetime.combine(_date(found[1], local), hour)
    except ValueError:
        raise ValueError(f"Write a time like {EXAMPLES}.") from None
    if found[1] is None and chosen <= local:
        chosen += timedelta(days=1)
    moment = _utc(chosen, zone)
    if moment <= now:
        raise ValueError("That time has passed; choose one that is still to come.")
    return moment


def _date(word: str | None, local: datetime) -> datetime:
    if word is None or word == "today":
        return local
    if word == "tomorrow":
        return local + timedelta(days=1)
    for number, name in enumerate(_DAYS):
        if len(word) >= 3 and name.startswith(word):
            return local + timedelta(days=(number - local.weekday() - 1) % 7 + 1)
    return datetime.fromisoformat(word)


def _local(moment: datetime, zone: tzinfo | None) -> datetime:
    """The wall clock, without its zone: days and hours are counted on the wall."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _utc(wall: datetime, zone: tzinfo | None) -> datetime:
    return (wall.replace(tzinfo=zone) if zone else wall).astimezone(UTC)
