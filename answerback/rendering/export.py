"""Exports of the store's rows: CSV for a spreadsheet, JSON lines for a program.

JSON lines keep every value as it is. CSV gives what would start a formula an apostrophe, and writes a
structure as JSON text: it is for reading, JSON lines are for reading back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

from answerback.json_text import dumps
from answerback.rendering.spreadsheet import RowWriter


class ExportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


def write_export(
    rows: Iterable[Mapping[str, Any]],
    format: ExportFormat,
    stream: TextIO,
    *,
    columns: Sequence[str] | None = None,
) -> int:
    """Write rows as they come, never more than one in memory; how many there were.

    All rows have the same keys. `columns` are those of CSV, by default the first row's, so that an empty
    export has its header as well. Open `stream` with `newline=""`.
    """
    written = 0
    if format is ExportFormat.JSONL:
        for row in rows:
            stream.write(dumps(row) + "\n")
            written += 1
        return written
    writer = RowWriter(stream)
    if columns is not None:
        writer.write(columns)
    for row in rows:
        if columns is None:
            columns = tuple(row)
            writer.write(columns)
        writer.write(row[column] for column in columns)
        written += 1
    return written
