"""answerback train"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from answerback import bootstrap
from answerback.commands.options import config_option, db_option, example
from answerback.config import load_config
from answerback.exits import Exit
from answerback.rendering.training_progress import training_progress
from answerback.terminal import tell
from desk.corrections import lessons
from desk.errors import DeskError, InputError

if TYPE_CHECKING:
    from classifier.feedback import Agreement, Measured

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXTRA = {"onnx"}
"""What the extra `train` brings, by the names under which it is imported."""


@click.command()
@click.option("--data", type=_FOLDER, help="Folder of the labelled .jsonl.gz files.")
@click.option(
    "--base",
    type=_FOLDER,
    help="Folder of the encoder to start from; with --distil, of an older quick model.",
)
@click.option(
    "--out", type=_FOLDER, required=True, help="Folder to write; its run/ keeps logs and checkpoints."
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted training.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--feedback", is_flag=True, help="Learn from agents' corrections, starting with today's weights."
)
@click.option("--distil", type=_FOLDER, metavar="WEIGHTS", help="Teach a quick model what these weights say.")
@config_option
@db_option
@example(
    "answerback train --data data --base encoder --out weights",
    "answerback train --data data --base encoder --out weights --resume",
    "answerback train --data data --distil weights --out weights/quick",
    "answerback train --data data --distil weights --base older/quick --out weights/quick",
    "answerback train --feedback --data data --out weights-ours",
)
def train(
    *,
    data: Path | None,
    base: Path | None,
    out: Path,
    resume: bool,
    seed: int,
    feedback: bool,
    distil: Path | None,
    config_path: Path | None,
    db_path: Path | None,
) -> int:
    """Train the classifier on posts, corrections or other weights.

    Writes a folder that `[classifier] weights` can name. Needs the extra: pip install 'answerback[train]'.
    It learns twice, takes the mean, and goes over the data several times more. Each time the encoder is asked
    about the texts first, ten minutes on two cores, kept once it is done; then learning takes half an hour to
    an hour. Interrupted, it loses some minutes.

    With --distil it is a quick model that errs more often, for `[classifier] model`; it belongs into the
    folder quick/ of the weights that teach it, whose token table it shares. What they say of all texts is
    asked first: that takes a quarter of an hour and is kept. Learning takes an hour; with --base, where an
    older quick model of like weights ended, a third of that.

    With --feedback only posts of platforms whose terms allow it are learned from. A part of the corrections
    is held back; the old weights stay where the new ones are not better on it. --data is then optional: with
    it, what the classifier knew before is learned again beside the corrections. It must not suffer: that is
    measured on the data's validation, or without it on the posts that ship for measuring.
    """
    if feedback:
        if base is not None or resume or distil is not None:
            raise InputError(
                "--feedback starts with the weights in use: leave out --base, --resume and --distil."
            )
        return _learn(out, data, seed, config_path, db_path)
    if data is None:
        raise InputError("--data is missing; or learn with --feedback.")
    if base is None and distil is None:
        raise InputError("Name --base, the encoder to start from, or --distil, the weights that teach.")
    _there(data, "--data")
    there = None if base is None else _there(base, "--base")
    with training_progress() as progress:
        if distil is not None:
            teacher = _there(distil, "--distil")
            made = _trainer("distilling").distil(
                teacher, data, out, resume=resume, seed=seed, start=there, progress=progress
            )
        else:
            made = _trainer("training").train(data, there, out, resume=resume, seed=seed, progress=progress)
    click.echo(
        f"Wrote {made.version} to {out}: a complaint from {made.complaint_threshold:.3f}, "
        f"worth a look from {made.look_threshold:.3f}."
    )
    return Exit.OK


def _learn(out: Path, data: Path | None, seed: int, config_path: Path | None, db_path: Path | None) -> int:
    config = load_config(config_path)
    weights = bootstrap.weights_folder(config.classifier)
    if data is not None:
        _there(data, "--data")
    if out.resolve() == weights.resolve():
        raise InputError(f"--out: {out} holds the weights in use; name another folder.")
    learned = lessons(bootstrap.open_store(config, db_path, create=False))
    for source, count in learned.left_out.items():
        tell(f"{source}: {count} corrected posts are left out, because its terms forbid to train on them.")
    if reasons := sum(not one.label.trainable for one in learned.corrections):
        tell(
            f"Corrections of the reason alone: {reasons}. They are kept, but not learned from: a reason is "
            "found by likeness to sentences. Add yours under [[classifier.reasons]] in config.toml."
        )
    feedback = _trainer("feedback")
    with training_progress() as progress:
        outcome = feedback.learn(weights, learned.corrections, out, data=data, seed=seed, progress=progress)
    click.echo(f"Learned {outcome.learned} corrections; {outcome.held} were held back to measure on.")
    click.echo(f"Before: {_measured(outcome.before)}")
    click.echo(f"After:  {_measured(outcome.after)}")
    if not outcome.better:
        click.echo(f"That is not better: {'; '.join(outcome.against)}.")
        click.echo("The weights in use stay, and nothing was written.")
        return Exit.OK
    click.echo(f"Wrote {outcome.manifest.version} to {out}. To use it, say in config.toml:")
    click.echo(f'[classifier]\nweights = "{out}"')
    if config.classifier.model != "full":
        from classifier.artifact import QUICK  # noqa: PLC0415

        older = weights / QUICK
        start = f" --base {older}" if older.is_dir() else ""
        made = f"answerback train --data DIR --distil {out}{start} --out {out / QUICK}"
        tell(f"It has no quick model yet: {made}")
    if data is None:
        tell("Without --data only posts of our own guard what it knew: try it on others before you use it.")
    return Exit.OK


def _measured(one: Measured) -> str:
    said = [_agreed("complaints", one.complaint)]
    if one.sentiment is not None:
        said.append(_agreed("sentiment", one.sentiment))
    said.append(f"macro-F1 for complaints {one.kept:.1%} on {one.kept_on}")
    return "; ".join(said)


def _agreed(kind: str, one: Agreement) -> str:
    return f"{kind} right on {one.right:.0%} of {one.rows}, log loss {one.log_loss:.3f}"


def _there(folder: Path, option: str) -> Path:
    if not folder.is_dir():
        raise DeskError(f"{option}: there is no folder {folder}.")
    return folder


def _trainer(name: str) -> Any:
    """A module of the classifier that needs the extra. Raises DeskError where that is missing."""
    from importlib import import_module  # noqa: PLC0415

    try:
        return import_module(f"classifier.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        raise DeskError(
            f"Training needs {error.name}, which is not installed: pip install 'answerback[train]'"
        ) from error
