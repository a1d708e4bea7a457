"""Goes on training from a folder of weights with what agents corrected, and keeps it only if it got better.

Corrections are mostly the model's mistakes: learned alone, they would turn it round. So rows of the data
sets, where they are at hand, are learned again beside them, and guard what the model knew: it must not lose
there what it gains here.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier.artifact import Manifest, read_manifest, write_manifest
from classifier.data import LABELLED, SOURCES, Example, Row, Source, load_examples, read_rows, split_of
from classifier.evaluation import Score, evaluate
from classifier.fitting import Plan, TrainingError, fit
from classifier.labels import SENTIMENT_INDEX
from classifier.language_head import LanguageHead
from classifier.predictor import OnnxPredictor, load_predictor
from classifier.progress import Progress, silent
from classifier.reload import reload, write_base
from classifier.training import WRITING, calibrate, write_weights
from desk.model.correction import Correction

LEAST = 60
"""Corrections below which there is too little to learn from and to measure on: a quarter is held back."""
REPLAY = 4
"""Rows of the data sets learned beside each correction."""
PLAN = Plan(rate=2e-5, head_rate=1e-4, warmup_share=0.1, early_layer=0, vector_rate=2e-5)
"""Gentle: a few steps must not undo what a long training did."""
MOST_LOST = 0.005
"""Macro-F1 on the data's validation that a better model may lose: half a point is noise."""

_NAME = "corrections"
_PASSES = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on what was held back."""

    rows: int
    right: float
    """Share of held-back corrections of complaint that it agrees with."""
    log_loss: float
    """Of its probability of a complaint; lower is better."""
    kept: float | None
    """Macro-F1 for complaints on the data's validation; None without data."""


@dataclass(frozen=True, slots=True)
class Outcome:
    learned: int
    """Corrections that were trained on."""
    before: Measured
    after: Measured
    better: bool
    manifest: Manifest
    """Of the weights to use: the new ones where they are better, else the old."""


def learn(
    weights: Path,
    corrections: Sequence[Correction],
    out: Path,
    *,
    data: Path | None = None,
    seed: int = 1,
    plan: Plan = PLAN,
    progress: Progress = silent,
) -> Outcome:
    """Fine-tune `weights` on the corrections; write `out` where that is better, and nothing otherwise.

    About a quarter of the corrections, chosen by their words alone, is held back to measure on. Posts' texts
    are written to a folder that is gone when this returns. Raises `TrainingError`, `ArtifactError`,
    `DataError`.
    """
    usable = [
        one for one in corrections if one.label.complaint is not None or one.label.sentiment is not None
    ]
    taught = [one for one in usable if split_of(one.text) == "train"]
    held = [one for one in usable if split_of(one.text) != "train" and one.label.complaint is not None]
    if len(usable) < LEAST or not taught or not held:
        raise TrainingError(
            f"Too few corrections to learn from: {len(usable)} of at least {LEAST}. "
            "Agents add one with the key m on a post, or by dismissing a case as no complaint."
        )
    found = reload(weights)
    with tempfile.TemporaryDirectory(prefix="answerback-feedback-") as scratch:
        folder = Path(scratch)
        write_base(folder / "base", found)
        _write_rows(folder / "data", taught)
        sources = (Source(_NAME, _label, repeat=_PASSES), *_replayed(folder / "data", data, len(taught)))
        network = fit(
            folder / "data",
            folder / "base",
            folder / "run",
            resume=False,
            seed=seed,
            plan=replace(plan, sources=sources, merges=found.merges, embedding_layers=found.embedding_layers),
            progress=progress,
            start=found.heads,
        )
        progress({"kind": "stage", "stage": WRITING})
        language = LanguageHead(found.heads["language.weight"], found.heads["language.bias"])
        made = folder / "made"
        version = _next_version(found.manifest.version)
        write_weights(network, language, folder / "base", made, version)
        _settle(made, found.manifest, data, seed)
        progress({"kind": "stage", "stage": "Measuring before and after"})
        before = _measure(load_predictor(weights), held, data)
        after = _measure(load_predictor(made), held, data)
        better = after.log_loss < before.log_loss and (
            before.kept is None or after.kept is None or after.kept >= before.kept - MOST_LOST
        )
        if better:
            shutil.copytree(made, out, dirs_exist_ok=True)
    return Outcome(len(taught), before, after, better, read_manifest(out if better else weights))


def _label(blank: Example, row: Row, _: random.Random) -> Example:
    complaint, sentiment = row.get("complaint"), row.get("sentiment")
    return replace(
        blank,
        complaint=None if complaint is None else float(complaint),
        sentiment=None if sentiment is None else SENTIMENT_INDEX[sentiment],
    )


def _write_rows(folder: Path, corrections: Sequence[Correction]) -> None:
    folder.mkdir()
    with gzip.open(folder / f"{_NAME}.jsonl.gz", "wt", encoding="utf-8") as file:
        for one in corrections:
            complaint = None if one.label.complaint is None else int(one.label.complaint)
            row = {
                "text": one.text,
                "lang": one.language,
                "complaint": complaint,
                "sentiment": one.label.sentiment,
            }
            # A lone surrogate in a post is no UTF-8; escaped, it comes back as it was.
            file.write(json.dumps(row) + "\n")


def _replayed(folder: Path, data: Path | None, taught: int) -> list[Source]:
    """The data sets that are there, each with its share of rows, beside the corrections."""
    there = [source for source in SOURCES if source.path(data or folder).is_file()]
    for source in there:
        if source.file is None and data is not None:
            source.path(folder).symlink_to(source.path(data).resolve())
    share = -(-REPLAY * _PASSES * taught // max(1, len(there)))
    return [replace(source, repeat=1, limit=share) for source in there]


def _settle(made: Path, old: Manifest, data: Path | None, seed: int) -> None:
    """Calibrate on the data's validation, where that is at hand; otherwise what was calibrated stays."""
    if data is not None and (data / f"{LABELLED}.jsonl.gz").is_file():
        there = tuple(source for source in SOURCES if source.path(data).is_file())
        calibrate(made, load_examples(data, there, "validation", seed))
        return
    new = read_manifest(made)
    write_manifest(made, replace(old, version=new.version, files=new.files, shared=new.shared))


def _measure(predictor: OnnxPredictor, held: Sequence[Correction], data: Path | None) -> Measured:
    verdicts = predictor.predict([one.text for one in held], [one.language for one in held])
    truth = np.array([bool(one.label.complaint) for one in held])
    chance = np.clip([verdict.complaint for verdict in verdicts], 1e-6, 1 - 1e-6)
    said = np.array([verdict.is_complaint for verdict in verdicts])
    loss = -np.log(np.where(truth, chance, 1 - chance)).mean()
    return Measured(len(held), float((said == truth).mean()), float(loss), _kept(predictor, data))


def _kept(predictor: OnnxPredictor, data: Path | None) -> float | None:
    file = data / f"{LABELLED}.jsonl.gz" if data is not None else None
    if file is None or not file.is_file() or not any(True for _ in read_rows(file)):
        return None
    scores: list[Score] = evaluate(predictor, [file], split="validation")
    return next((one.macro_f1 for one in scores if (one.field, one.group) == ("complaint", "all")), None)


def _next_version(version: str) -> str:
    """ "answerback-12l-2026.11" becomes "…+1", and that "…+2"."""
    stem, plus, number = version.rpartition("+")
    return f"{stem}+{int(number) + 1}" if plus and number.isdigit() else f"{version}+1"
