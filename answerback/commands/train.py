"""answerback train"""

from __future__ import annotations

from pathlib import Path

import click

from answerback.commands.options import example
from answerback.terminal import tell
from desk.errors import DeskError

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXTRA = {"onnx"}
"""What the extra `train` brings, by the names under which it is imported."""


@click.command()
@click.option("--data", type=_FOLDER, required=True, help="Folder of the labelled .jsonl.gz files.")
@click.option("--base", type=_FOLDER, required=True, help="Folder of the encoder to start from.")
@click.option(
    "--out", type=_FOLDER, required=True, help="Folder to write; its run/ keeps log and checkpoint."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of an interrupted run.")
@click.option("--seed", type=int, default=1, show_default=True)
@example(
    "answerback train --data data --base encoder --out weights",
    "answerback train --data data --base encoder --out weights --resume",
)
def train(*, data: Path, base: Path, out: Path, resume: bool, seed: int) -> None:
    """Train the classifier on labelled posts.

    Writes a folder that `[classifier] weights` can name. Needs the extra: pip install 'answerback[train]'.
    An interrupted run loses at most a few minutes.
    """
    for folder, option in ((data, "--data"), (base, "--base")):
        if not folder.is_dir():
            raise DeskError(f"{option}: there is no folder {folder}.")
    try:
        from classifier import training  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        raise DeskError(
            f"Training needs {error.name}, which is not installed: pip install 'answerback[train]'"
        ) from error
    made = training.train(data, base, out, resume=resume, seed=seed, progress=_say)
    click.echo(
        f"Wrote {made.version} to {out}: a complaint from {made.complaint_threshold:.3f}, "
        f"worth a look from {made.look_threshold:.3f}."
    )


def _say(record: dict[str, object]) -> None:
    tell("  ".join(f"{name} {value}" for name, value in record.items()))
