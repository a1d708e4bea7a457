"""What single values in config.toml may look like, and how a wrong one is told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

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


def _listening(text: str) -> str:
    from desk.model.query import QueryError, parse  # noqa: PLC0415  (the desk reads configs without any)

    try:
        parse(text)
    except QueryError as error:
        raise ValueError(str(error)) from None
    return text


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Target = Annotated[Duration, AfterValidator(_above_zero)]
Listening = Annotated[str, AfterValidator(_listening)]
"""A query in the listening language, see `desk.model.query`."""
