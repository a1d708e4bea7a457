"""What the fields of a labelled row may hold. Files come from anywhere, so nothing is taken for granted."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from classifier.labels import BINARY_HEADS

_LABELS: dict[str, Sequence[object]] = {
    **dict.fromkeys(BINARY_HEADS, (0, 1)),
    "sentiment": (-1, 0, 1),
    "offensive": ("not-offensive", "offensive"),
}
_WORDS = ("emotion", "reason", "lang", "domain", "brand", "title", "complaint_grade", "sentiment_grade")
"""Fields that hold any string."""


def fault_of(row: Mapping[str, Any]) -> str | None:
    """Say which field holds what it must not; a field that is missing or null is no fault."""
    for field, allowed in _LABELS.items():
        if row.get(field) is not None and row[field] not in allowed:
            return must_be_one_of(field, allowed, row[field])
    for field in _WORDS:
        if not isinstance(row.get(field), str | None):
            return f"{field} must be a string, not {reprlib.repr(row[field])}"
    return None


def must_be_one_of(field: str, allowed: Sequence[object], found: object) -> str:
    """Name the field, what it may hold and what it does, cut where that is long."""
    return f"{field} must be one of {', '.join(map(str, allowed))}, not {reprlib.repr(found)}"
