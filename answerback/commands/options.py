"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from answerback.json_text import dumps

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings; without it ./config.toml where there is one.",
)
db_option = click.option(
    "--db", "db_path", type=click.Path(path_type=Path, dir_okay=False), help="Store; else the config's."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def example(*lines: str) -> Callable[[F], F]:
    """Put examples at the end of a command's help."""

    def add(function: F) -> F:
        shown = "\n".join(("\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {x}" for x in lines)))
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{shown}\n"
        return function

    return add


def choice(values: type[StrEnum]) -> click.Choice[str]:
    """The enum's values as they are written; click alone would take its members' names."""
    return click.Choice([member.value for member in values])


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line; what a terminal would obey comes as an escape."""
    click.echo(dumps(value))


class Moment(click.ParamType[datetime]):
    """A date, or a time with or without timezone (UTC where it has none); also "7d": so long ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if value.endswith("d") and value[:-1].isdecimal():
                return datetime.now(UTC) - timedelta(days=int(value[:-1]))
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f'"{value}" is no date; use 2026-03-10, 2026-03-10T09:00+01:00 or 7d', param, ctx)
