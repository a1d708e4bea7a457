"""answerback init"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from answerback.commands.options import example
from answerback.config import ConfigError


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("config.toml"))
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@example("answerback init", "answerback init staging.toml")
def init(*, path: Path, force: bool) -> None:
    """Write a commented config.toml to start from."""
    text = files("answerback").joinpath("config.toml").read_text(encoding="utf-8")
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; nothing was changed. --force overwrites it.") from None
    except OSError as error:
        raise ConfigError(f"Cannot write {path}: {error.strerror}.") from error
    click.echo(f"Wrote {path}. Name your sources in it, then: answerback doctor")
