"""How values look in a column: times are whole milliseconds since 1970 UTC, structures are JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MOST_VALUES = 500
"""Bound to one statement; SQLite takes 32,766, but each new number of them is a statement to prepare."""

Value = TypeVar("Value")


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970; a naive time is a defect of the caller and raises TypeError."""
    return (moment - _EPOCH) // _MILLISECOND


def not_before(moment: datetime) -> int:
    """The first whole millisecond that is not before the moment: for what must not be done earlier."""
    return -((_EPOCH - moment) // _MILLISECOND)


def from_ms(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND


def to_ms_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def from_ms_or_none(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def to_json(value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def in_parts(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists that one statement can name."""
    rest = iter(values)
    while part := list(islice(rest, _MOST_VALUES)):
        yield part


def placeholders(values: Sequence[object]) -> str:
    """`?,?,?` for an IN list of these values."""
    return ",".join("?" * len(values))
