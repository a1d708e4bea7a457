"""answerback customers"""

from __future__ import annotations

from pathlib import Path

import click

from answerback import bootstrap, clock
from answerback.commands.options import config_option, db_option, example
from answerback.config import load_config
from answerback.exits import Exit
from answerback.terminal import plain, tell
from desk.identity import import_customers


@click.group()
@example("answerback customers import crm.csv")
def customers() -> None:
    """What your own records say of the people who write to you."""


@customers.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@db_option
@example("answerback customers import crm.csv")
def import_(*, file: Path, config_path: Path | None, db_path: Path | None) -> int:
    """Show the columns of a CSV file beside the customers that it names.

    The columns `platform` (x, bluesky, mastodon, …) and `handle` find the customer; every other column is
    shown to agents as it is. Import only what you may use for support.
    """
    store = bootstrap.open_store(load_config(config_path), db_path, create=True)
    done = import_customers(store, file, clock.now())
    click.echo(f"Kept {done.kept} of {done.read} records of {file}.")
    if done.unmatched:
        shown = ", ".join(done.unmatched[:5])
        rest = f" and {len(done.unmatched) - 5} more" if len(done.unmatched) > 5 else ""
        click.echo(plain(f"{len(done.unmatched)} wait for a first post of their holder: {shown}{rest}."))
    for record in done.bad:
        tell(f"{file}, {record.position}: {record.reason}")
    return Exit.PARTIAL if done.bad else Exit.OK
