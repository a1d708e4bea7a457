"""answerback evaluate"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from answerback import bootstrap
from answerback.commands.options import config_option, example, json_option, print_json
from answerback.config import load_config
from answerback.terminal import one_line, plain, tell
from desk.errors import InputError

_SPLITS = ("train", "validation", "test")
_NAMED = 10
"""Unknown reasons of a file that are told by name."""
_NAME = 40


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--split", type=click.Choice(_SPLITS), help="Only this part of each file; else all of it.")
@click.option("--together", is_flag=True, help="Take the files as one; say, complaints beside calm posts.")
@config_option
@json_option
@example("answerback evaluate labelled.jsonl.gz --split test", "answerback evaluate *.jsonl.gz --json")
def evaluate(
    *, files: tuple[Path, ...], split: str | None, together: bool, config_path: Path | None, as_json: bool
) -> None:
    """Measure the classifier on labelled posts.

    FILE holds JSON lines, plain or gzipped: `text`, with any of `complaint` (0 or 1), `sentiment` (-1, 0
    or 1), `reason` (a general one or one of config.toml), `emotion` (scored as anger; a calm one of the
    Turkish set as no complaint), `anger` (0 or 1), `offensive` (offensive or not-offensive, scored as abuse),
    `abuse` (0 or 1) and `lang`. Posts of the test split are those that the shipped weights never saw.
    """
    from classifier.evaluation import as_table  # noqa: PLC0415
    from classifier.evaluation import evaluate as score  # noqa: PLC0415

    settings = load_config(config_path).classifier
    predictor = bootstrap.make_predictor(settings)
    scores = score(
        predictor,
        files,
        split=split,  # type: ignore[arg-type]  # click has checked it
        together=together,
        reasons=[reason.name for reason in settings.reasons],
        unknown=_tell_unknown,
    )
    if not scores:
        raise InputError(
            f"{', '.join(map(str, files))}: no row has a label"
            f"{f' and is in the split {split}' if split else ''}; nothing was measured."
        )
    if as_json:
        print_json({"model": predictor.version, "split": split, "scores": [asdict(one) for one in scores]})
    else:
        click.echo(plain(as_table(scores)))


def _tell_unknown(file: str, reasons: Counter[str]) -> None:
    """Say which rows were not compared by their reason; a row's other labels were."""
    named = [f'"{one_line(name, _NAME)}" ({count})' for name, count in reasons.most_common(_NAMED)]
    if len(reasons) > _NAMED:
        named.append(f"{len(reasons) - _NAMED} more")
    tell(
        f"{file}: the reason of {reasons.total()} rows is unknown and was not measured: {', '.join(named)}. "
        "One of your own is known once it stands in [[classifier.reasons]] of config.toml."
    )
