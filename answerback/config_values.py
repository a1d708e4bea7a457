"""What a single value in config.toml may look like, and how a wrong one is told."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

_LONGEST = timedelta(days=3_650)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PART = re.compile(r"(\d+)\s*([smhd])")


def parse_duration(value: object) -> timedelta:
    """Read "45m", "1h 30m" or "3d"; raises ValueError."""
    text = str(value).strip().lower()
    if len(text) > 100 or not re.fullmatch(rf"(?:{_PART.pattern}\s*)+", text, re.ASCII):
        raise ValueError('expected a duration such as "45m", "1h 30m" or "3d"')
    seconds = sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(text))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"a duration is at most {_LONGEST.days}d")
    return timedelta(seconds=seconds)


def _above_zero(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than 0s")
    return value


def _parse_hours(value: object) -> object:
    match = re.fullmatch(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", str(value).strip())
    if match is None:
        raise ValueError('expected working hours such as "09:00-17:30"')
    begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
    if (end_hour, end_minute) == (24, 0):
        end_hour = 0  # midnight at the day's end
    if max(begin_hour, end_hour) > 23 or max(begin_minute, end_minute) > 59:
        raise ValueError('there is no such time of day; expected working hours such as "09:00-17:30"')
    return time(begin_hour, begin_minute), time(end_hour, end_minute)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'"{name}" is no timezone; use a name such as "Europe/Berlin"') from None
    return name


def _variable(name: str) -> str:
    # Whoever puts the secret itself here must not read it in a message, where it would end up in a log.
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ValueError(
            'must be the name of an environment variable, such as "ANSWERBACK_OPS_SECRET", not a value'
        )
    return name


def _listening(text: str) -> str:
    from desk.model.query import QueryError, parse  # noqa: PLC0415  (the desk reads configs without any)

    try:
        parse(text)
    except QueryError as error:
        raise ValueError(str(error)) from None
    return text


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Target = Annotated[Duration, AfterValidator(_above_zero)]
Variable = Annotated[str, AfterValidator(_variable)]
Hours = Annotated[tuple[time, time], BeforeValidator(_parse_hours)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Listening = Annotated[str, AfterValidator(_listening)]
"""A query in the listening language, see `desk.model.query`."""
Probability = Annotated[float, Field(ge=0, le=1)]
