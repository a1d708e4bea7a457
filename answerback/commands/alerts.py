"""answerback alerts"""

from __future__ import annotations

from pathlib import Path

import click

from answerback import bootstrap, clock
from answerback.commands.options import config_option, db_option, example
from answerback.config import load_config
from answerback.terminal import plain, tell
from desk import deliveries
from desk.model.alert import DeliveryState
from desk.store import alerts as alert_store


@click.group()
@example("answerback alerts dead", "answerback alerts retry")
def alerts() -> None:
    """Alerts that no chat would take."""


@alerts.command("dead")
@config_option
@db_option
@example("answerback alerts dead")
def dead(*, config_path: Path | None, db_path: Path | None) -> None:
    """List the alerts that were given up, and why."""
    store = bootstrap.open_store(load_config(config_path), db_path, create=False)
    with store.read() as db:
        letters = alert_store.in_state(db, DeliveryState.DEAD)
    for letter in letters:
        alert = letter.alert
        about = f"case {alert.subject}" if isinstance(alert.subject, int) else alert.subject
        said = f"{about:<11}  {letter.channel}  after {letter.attempts} attempts: {letter.last_error}"
        click.echo(f"{alert.at:%Y-%m-%d %H:%M}  {alert.kind:<13}  {plain(said)}")
    tell(f"{len(letters)} dead letters." if letters else "No dead letters.")


@alerts.command("retry")
@config_option
@db_option
@example("answerback alerts retry")
def retry(*, config_path: Path | None, db_path: Path | None) -> None:
    """Give dead letters to the running `answerback run` once more."""
    store = bootstrap.open_store(load_config(config_path), db_path, create=False)
    click.echo(f"{deliveries.retry_dead(store, clock.now())} alerts will be tried again.")
