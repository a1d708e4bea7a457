"""answerback export"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TextIO

import click

from answerback import bootstrap
from answerback.commands.options import choice, config_option, db_option, example
from answerback.config import load_config
from answerback.rendering import ExportFormat, write_export
from answerback.terminal import tell
from desk.errors import InputError
from desk.store import Store, export_view


class What(StrEnum):
    CASES = "cases"
    MENTIONS = "mentions"
    EVENTS = "events"


@click.command()
@config_option
@db_option
@click.option("--what", type=choice(What), default=What.CASES.value, show_default=True)
@click.option(
    "--format", "style", type=choice(ExportFormat), default=ExportFormat.CSV.value, show_default=True
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file to write; else stdout.")
@example(
    "answerback export --out cases.csv",
    "answerback export --what events --format jsonl | jq 'select(.kind == \"opened\")'",
)
def export(
    *, config_path: Path | None, db_path: Path | None, what: str, style: str, out: Path | None
) -> None:
    """Hand out cases, posts with verdicts, or the event log.

    CSV is for reading: text that a spreadsheet would run as a formula gets an apostrophe before it. JSON
    lines keep every value as it is.
    """
    store = bootstrap.open_store(load_config(config_path), db_path, create=False)
    rows, columns = _rows(store, What(what))
    with _stream(out, ExportFormat(style)) as stream:
        written = write_export(rows, ExportFormat(style), stream, columns=columns)
    if out is not None:
        tell(f"Wrote {written:,} {what} to {out}.")


def _rows(store: Store, what: What) -> tuple[Iterator[export_view.Row], Sequence[str]]:
    match what:
        case What.CASES:
            return export_view.cases(store), export_view.CASE_COLUMNS
        case What.MENTIONS:
            return export_view.mentions(store), export_view.MENTION_COLUMNS
        case What.EVENTS:
            return export_view.events(store), export_view.EVENT_COLUMNS


@contextmanager
def _stream(out: Path | None, style: ExportFormat) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    # Excel takes a CSV file for Latin-1 unless it begins with a byte order mark.
    encoding = "utf-8-sig" if style is ExportFormat.CSV else "utf-8"
    try:
        with out.open("w", encoding=encoding, newline="") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"Cannot write {out}: {error.strerror}.") from error
