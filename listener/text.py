"""Outside values made safe to store and to quote."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import urlsplit

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_INVISIBLE = frozenset("\u00ad\u034f\u061c\u180e\u200b\u2028\u2029\ufeff")
"""Invisible, beside the categories below: soft hyphen, joiners, separators, byte order mark."""
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Direction marks: they can make a line read as something else."""
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi"}
"""ISO 639-1 codes that were replaced and that platforms still send."""


def mend(text: str) -> str:
    """Replace halves of surrogate pairs and NUL, which neither UTF-8 nor a database text can hold."""
    return _HALF_PAIR.sub("\ufffd", text).replace("\0", "\ufffd")


def moment_of(value: str) -> datetime:
    """An ISO 8601 time with its timezone, as UTC. Raises ValueError saying what is wrong.

    Years outside 2000 to 2100 are refused: sums with them could leave the calendar.
    """
    shown = repr(value[:60])
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"is not an ISO 8601 time: {shown}") from error
    if at.tzinfo is None:
        raise ValueError(f"has no timezone: {shown}")
    if not 2000 <= at.year <= 2100:
        raise ValueError(f"is outside 2000 to 2100: {shown}")
    return at.astimezone(UTC)


def language_of(tag: str) -> str | None:
    """ISO 639-1 from a platform's language tag; None where it says none ("und", "qme", "")."""
    primary = re.split("[-_]", tag.strip().lower())[0]
    if len(primary) != 2 or not (primary.isascii() and primary.isalpha()):
        return None
    return _OLD_CODES.get(primary, primary)


def web_address(value: str) -> str | None:
    """The value where it is a plain http(s) address; anything else is not worth a click."""
    if not re.fullmatch(r"https?://[^\s\x00-\x1f\"<>]{1,2000}", value) or not value.isprintable():
        return None
    try:
        return value if urlsplit(value).hostname else None
    except ValueError:  # "https://[x" is half an address of version 6
        return None


def one_line(text: str, limit: int) -> str:
    """At most `limit` characters on one line, without control, direction or invisible characters."""
    kept = "".join(
        " " if char.isspace() else char
        for char in mend(text)
        if char not in _BIDI
        and char not in _INVISIBLE
        and (char.isspace() or unicodedata.category(char) not in {"Cc", "Cs", "Co", "Cn"})
    )
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: max(limit - 1, 0)].rstrip() + "…"
