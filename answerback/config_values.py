"""What a single value in config.toml may look like, and how a wrong one is told."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from listener import platforms


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


def _ally(value: str) -> str:
    source, colon, name = value.partition(":")
    if not colon or not name.strip().removeprefix("@"):
        raise ValueError('expected a platform and an account, such as "x:@fernway_dev"')
    if source.strip().lower() not in platforms.names():
        raise ValueError(f"before the colon stands a platform: {', '.join(platforms.names())}")
    return value


AllyName = Annotated[str, AfterValidator(_ally)]
Variable = Annotated[str, AfterValidator(_variable)]
Hours = Annotated[tuple[time, time], BeforeValidator(_parse_hours)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Probability = Annotated[float, Field(ge=0, le=1)]
