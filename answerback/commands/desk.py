"""answerback desk"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from answerback import clock
from answerback.commands.options import config_option, db_option, example
from answerback.config import load_config
from desk import outbox
from desk.errors import DeskError
from desk.model.reason import GENERAL_REASONS
from desk.store import Store


@click.command()
@config_option
@db_option
@click.option("--agent", envvar="ANSWERBACK_AGENT", help="Your name on what you do; else the login name.")
@click.option("--theme", help="Colours; see the command palette for the names.")
@example("answerback desk", "answerback desk --agent anna --db team.db")
def desk(*, config_path: Path | None, db_path: Path | None, agent: str | None, theme: str | None) -> None:
    """Open the desk: the queue, the conversation, the customer."""
    config = load_config(config_path)
    store = Store(db_path or config.store, create=False)
    undo_seconds = config.replies.undo.total_seconds()
    reasons = tuple(dict.fromkeys((*GENERAL_REASONS, *(reason.name for reason in config.classifier.reasons))))
    open_desk(store, agent or _login_name(), theme or config.desk.theme, undo_seconds, reasons)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "agent"


def need_terminal() -> None:
    """Into a pipe or a file the interface would write without end, and wait for keys that cannot come."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise DeskError("The desk needs a terminal to show itself in; for scripts see report and export.")


def open_desk(
    store: Store,
    agent: str,
    theme: str | None,
    undo_seconds: float = outbox.UNDO_SECONDS,
    reasons: Sequence[str] = GENERAL_REASONS,
) -> None:
    """Run the terminal interface until it is left. Raises DeskError where there is no terminal."""
    need_terminal()
    from tui import themes  # noqa: PLC0415
    from tui.app import DeskApp  # noqa: PLC0415

    if theme is not None and theme not in (*themes.NAMES, *themes.OTHERS):
        known = ", ".join((*themes.NAMES, *themes.OTHERS))
        raise DeskError(f'There is no theme "{theme}"; choose one of {known}.')
    DeskApp(
        store,
        agent=agent,
        now=clock.now,
        theme=theme or themes.DEFAULT,
        undo_seconds=undo_seconds,
        reasons=reasons,
    ).run()
    store.close()
