"""CSV that a spreadsheet opens as data and never runs."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

_STARTS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet see a formula (OWASP, "CSV Injection"); also full width, as Excel does."""


class RowWriter:
    """Writes one row at a time: text is made safe, numbers stay numbers, None is an empty cell.

    Rows end with CR LF (RFC 4180), which also makes the writer quote a lone CR inside a cell.
    """

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream, lineterminator="\r\n")

    def write(self, values: Iterable[Any]) -> None:
        self._writer.writerow([cell(value) for value in values])


_OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls but tab and line ends, and direction overrides."""


def cell(value: Any) -> str | int | float:
    """A value as a cell. Text that would start a formula gets an apostrophe before it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case Mapping() | list() | tuple():
            return safe(json.dumps(value, ensure_ascii=False))
        case _:
            return safe(str(value))


def safe(text: str) -> str:
    """Text that starts no formula, and that does nothing to a terminal through which it is read."""
    shown = _OBEYED.sub("\ufffd", text)
    return "'" + shown if shown.startswith(_STARTS_FORMULA) else shown
