"""answerback quarantine"""

from __future__ import annotations

from pathlib import Path

import click

from answerback import bootstrap
from answerback.commands.options import config_option, db_option, example, json_option, print_json
from answerback.config import load_config
from answerback.terminal import one_line, plain
from desk.store import sources


@click.command()
@config_option
@db_option
@json_option
@example("answerback quarantine", "answerback quarantine --json > unreadable.jsonl")
def quarantine(*, config_path: Path | None, db_path: Path | None, as_json: bool) -> None:
    """List what came in and could not be read. Nothing of it is lost: --json prints it whole."""
    store = bootstrap.open_store(load_config(config_path), db_path, create=False)
    with store.read() as db:
        for record in sources.quarantined(db):
            if as_json:
                print_json(
                    {
                        "source": record.source,
                        "position": record.position,
                        "reason": record.reason,
                        "seen_at": record.seen_at.isoformat(),
                        "raw": record.raw,
                    }
                )
            else:
                where, reason = plain(f"{record.source}, {record.position}"), plain(record.reason)
                click.echo(f"{where}: {reason}  {one_line(record.raw, 60)}".rstrip())
