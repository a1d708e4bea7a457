"""answerback report"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from answerback import bootstrap, clock
from answerback.commands.options import Moment, choice, config_option, db_option, example
from answerback.config import load_config
from answerback.rendering import ReportFormat, render
from answerback.terminal import tell
from desk import reporting
from desk.errors import InputError
from desk.model.report import GroupBy, Scope

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@config_option
@db_option
@click.option(
    "--from",
    "opened_from",
    type=Moment(),
    help="Cases opened from then on, UTC: 2026-03-10, 2026-03-10T09:00, or 7d.",
)
@click.option(
    "--to", "opened_to", type=Moment(), help="Cases opened before then, written alike; else until now."
)
@click.option("--by", type=choice(GroupBy), help="One line of figures for each.")
@click.option(
    "--of",
    "scope",
    type=choice(Scope),
    default=Scope.COMPLAINTS.value,
    show_default=True,
    help="Which cases count: those opened for a complaint, or all.",
)
@click.option(
    "--format", "style", type=choice(ReportFormat), default=ReportFormat.TEXT.value, show_default=True
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file to write; else stdout.")
@example("answerback report --from 7d --by agent", "answerback report --format html --out week.html")
def report(
    *,
    config_path: Path | None,
    db_path: Path | None,
    opened_from: datetime | None,
    opened_to: datetime | None,
    by: str | None,
    scope: str,
    style: str,
    out: Path | None,
) -> None:
    """Tell how quickly customers were answered, from the event log."""
    store = bootstrap.open_store(load_config(config_path), db_path, create=False)
    now = clock.now()
    begin, end = opened_from or _BEGINNING, opened_to or now
    if begin >= end:
        raise InputError(f"--from {begin:%Y-%m-%d %H:%M} is not before --to {end:%Y-%m-%d %H:%M}.")
    made = reporting.build(
        store,
        opened_from=begin,
        opened_to=end,
        now=now,
        scope=Scope(scope),
        by=GroupBy(by) if by else None,
    )
    text = render(made, ReportFormat(style))
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    # Excel takes a CSV file for Latin-1 unless it begins with a byte order mark.
    encoding = "utf-8-sig" if style == ReportFormat.CSV else "utf-8"
    try:
        out.write_text(text, encoding=encoding, newline="")
    except OSError as error:
        raise InputError(f"Cannot write {out}: {error.strerror}.") from error
    tell(f"Wrote {out}.")
