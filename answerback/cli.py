"""The command line: finds the command, and turns every known error into one sentence."""

from __future__ import annotations

import importlib
import os
import sys

import click

from answerback import __version__
from answerback.exits import Exit
from desk.errors import DeskError

_COMMANDS = {
    "init": "init_config:init",
    "demo": "demo:demo",
    "run": "run:run",
    "desk": "desk:desk",
    "replay": "replay:replay",
    "classify": "classify:classify",
    "report": "report:report",
    "export": "export:export",
    "customers": "customers:customers",
    "alerts": "alerts:alerts",
    "quarantine": "quarantine:quarantine",
    "doctor": "doctor:doctor",
    "evaluate": "evaluate:evaluate",
    "train": "train:train",
}
"""Command to `module:function` under answerback.commands, in the order in which help lists them."""


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LazyGroup(click.Group):
    """Imports a command when it is asked for: the desk must not pay for what training needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, function = place.partition(":")
        command = getattr(importlib.import_module(f"answerback.commands.{module}"), function)
        assert isinstance(command, click.Command)  # noqa: S101
        return command


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="answerback")
def cli() -> None:
    """Find the complaints nobody answered, and answer them.

    Try it without any account: answerback demo. To begin in earnest: answerback init.
    """


def main() -> None:
    """Entry point of the `answerback` command."""
    try:
        status = cli.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else Exit.OK)
    except DeskError as error:
        click.echo(f"answerback: {error}", err=True)
        sys.exit(Exit.FAILED)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(Exit.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.FAILED)
    except BrokenPipeError:
        # The reader of our output has left (`| head`): say nothing, and let nothing be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.OK)
