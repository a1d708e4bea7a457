"""The command line: finds the command, and turns every known error into one sentence."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from answerback import __version__
from answerback.exits import Exit
from answerback.terminal import tell
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


class ReaderLeft(Exception):
    """Nobody reads our output any more (`| head`)."""


@contextmanager
def _told_when_the_reader_leaves() -> Iterator[None]:
    """click itself would end with exit code 1, which has a meaning of its own here."""
    try:
        yield
        # What still waits must fail here, and not at the interpreter's exit.
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeft from error


class LazyGroup(click.Group):
    """Imports a command when it is asked for: the desk must not pay for what training needs."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _told_when_the_reader_leaves():  # --help prints in here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _told_when_the_reader_leaves():
            return super().invoke(ctx)

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


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="answerback")
def cli() -> None:
    """Find the complaints nobody answered, and answer them.

    Try it without any account: answerback demo. To begin in earnest: answerback init.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Entry point of the `answerback` command: ends the process with a code from `Exit`."""
    sys.exit(_run(args))


def _run(args: Sequence[str] | None) -> int:
    try:
        status = cli.main(args=args, standalone_mode=False)
    except DeskError as error:
        tell(f"answerback: {error}")
    except (click.exceptions.Abort, KeyboardInterrupt):
        tell("Interrupted. What was finished is stored; run it again to go on.")
        return Exit.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
    except click.ClickException as error:
        tell(f"answerback: {error.format_message()}")
        if isinstance(error, click.UsageError) and error.ctx is not None:
            tell(f"Try: {error.ctx.command_path} --help")
    except ReaderLeft:
        _drop_output()
        return Exit.OK
    except OSError as error:
        # A disk, a terminal or a network that gave up; each place that can say it better has done so.
        where = f" ({error.filename})" if error.filename else ""
        tell(f"answerback: the system refused: {error.strerror or error}{where}.")
        _drop_output()
    else:
        return status if isinstance(status, int) else Exit.OK
    return Exit.FAILED


def _drop_output() -> None:
    """Keep what could not be written from failing once more at the interpreter's exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
