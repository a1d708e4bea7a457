"""JSON that is faithful, readable in every script, and harmless on a terminal."""

from __future__ import annotations

import json
from typing import Any

import regex

_UNSEEN = regex.compile(r"[\p{C}\u2028\u2029--[\n]]", flags=regex.VERSION1)
"""Controls, direction overrides and halves of surrogate pairs; line breaks stand between values only."""


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Letters of any script as they are; whatever cannot be seen as an escape, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return str(_UNSEEN.sub(lambda found: json.dumps(found.group())[1:-1], text))
