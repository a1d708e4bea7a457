"""Goes on training from a folder of weights with what agents corrected, and keeps it only if it got better.

Corrections are mostly the model's mistakes: learned alone, they would turn it round. So rows of the data
sets, where they are at hand, are learned again beside them. Most are dismissals, too, with which a model
agrees that just says no more often. So posts that nobody corrected guard what it knew: it must not lose there
what it gains here.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier.annotation import HELD_OUT, HELD_OUT_PLAIN
from classifier.artifact import Manifest, read_manifest, write_manifest
from classifier.data import LABELLED, Example, Row, Source, Split, load_examples, read_rows, split_of
from classifier.evaluation import evaluate
from classifier.fitting import Plan, TrainingError, fit
from classifier.labels import SENTIMENT_INDEX
from classifier.language_head import LanguageHead
from classifier.predictor import OnnxPredictor, load_predictor
from classifier.progress import Progress, silent
from classifier.reload import reload, write_base
from classifier.sources import SOURCES
from classifier.training import WRITING, calibrate, write_weights
from desk.model.correction import Correction
from desk.model.verdict import Sentiment

LEAST = 60
"""Corrections below which there is too little to learn from and to measure on: a quarter is held back."""
REPLAY = 4
"""Rows of the data sets learned beside each correction."""
PLAN = Plan(rate=2e-5, head_rate=1e-4, warmup_share=0.1, early_layer=0, vector_rate=2e-5)
"""Gentle: a few steps must not undo what a long training did."""
MOST_LOST = 0.005
"""Macro-F1 that a better model may lose on posts that nobody corrected: half a point is noise."""
NOISE = 2.0
"""Standard errors by which a better model's mean loss of sentiment may be higher. Both models read the same
posts, so the error is that of how each post's loss changed. A fixed margin would take chance for a loss where
ten posts were corrected, and a loss for chance where a thousand were."""

_NAME = "corrections"
_PASSES = 3
_LEAST_CHANCE = 1e-6
"""A lower probability counts as this one, so that no single post outweighs all others."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far one model agrees with the held-back corrections of one kind."""

    right: float
    """Share of them whose label it gives as well."""
    losses: tuple[float, ...]
    """Of its probability of the agent's label, a log loss for each correction; lower is better."""

    @property
    def rows(self) -> int:
        return len(self.losses)

    @property
    def log_loss(self) -> float:
        """The mean of all."""
        return sum(self.losses) / len(self.losses)


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on what it has not learned."""

    complaint: Agreement
    sentiment: Agreement | None
    """None where no correction of sentiment was held back."""
    kept: float
    """Macro-F1 for complaints on posts that nobody corrected."""
    kept_on: str
    """Which posts those were, in words."""


@dataclass(frozen=True, slots=True)
class Outcome:
    learned: int
    """Corrections that were trained on."""
    held: int
    """Corrections that were held back to measure on."""
    before: Measured
    after: Measured
    against: tuple[str, ...]
    """What speaks against the new weights, in words."""
    manifest: Manifest
    """Of the weights to use: the new ones where they are better, else the old."""

    @property
    def better(self) -> bool:
        """Whether the new weights were written."""
        return not self.against


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
    taught, held = _parted(corrections)
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
        guard = _guard(data)
        before = _measure(load_predictor(weights), held, guard)
        after = _measure(load_predictor(made), held, guard)
        against = tuple(_against(before, after))
        if not against:
            shutil.copytree(made, out, dirs_exist_ok=True)
    manifest = read_manifest(weights if against else out)
    return Outcome(len(taught), len(held), before, after, against, manifest)


def _parted(corrections: Sequence[Correction]) -> tuple[list[Correction], list[Correction]]:
    """What is learned, and what is held back. Raises `TrainingError` where either would tell too little."""
    usable = [one for one in corrections if one.label.trainable]
    if len(usable) < LEAST:
        raise TrainingError(
            f"Too few corrections to learn from: {len(usable)} of at least {LEAST}. "
            "Agents add one with the key m on a post, or by dismissing a case as no complaint."
        )
    taught = [one for one in usable if split_of(one.text) == "train"]
    held = [one for one in usable if split_of(one.text) != "train"]
    learned, measured = (sum(one.label.complaint is not None for one in side) for side in (taught, held))
    if not learned and not measured:
        raise TrainingError(
            f"None of the {len(usable)} corrections says whether a post is a complaint, "
            "so nothing can tell whether complaints are found better. "
            "Agents say so with the key m on a post, or by dismissing a case as no complaint."
        )
    if not learned or not measured:
        use, lack = ("learn from", "measure on") if learned else ("measure on", "learn from")
        raise TrainingError(
            f"Corrections that say whether a post is a complaint: {learned + measured} of {len(usable)}. "
            f"All are of posts to {use}, and none is left to {lack}. "
            "A post's words alone decide which of both it is for: correct other posts as well."
        )
    return taught, held


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


@dataclass(frozen=True, slots=True)
class _Guard:
    """Posts that nobody corrected, of which a better model must still tell which are complaints."""

    files: tuple[Path, ...]
    split: Split | None
    words: str


def _guard(data: Path | None) -> _Guard:
    """The data's validation, where there is one; else posts of our own, which no training learns."""
    file = data / f"{LABELLED}.jsonl.gz" if data is not None else None
    if file is not None and file.is_file() and any(_validates(row) for row in read_rows(file)):
        return _Guard((file,), "validation", "the data's validation")
    return _Guard((HELD_OUT, HELD_OUT_PLAIN), None, "the posts that ship for measuring")


def _validates(row: Row) -> bool:
    return row.get("complaint") is not None and split_of(row["text"]) == "validation"


def _measure(predictor: OnnxPredictor, held: Sequence[Correction], guard: _Guard) -> Measured:
    verdicts = predictor.predict([one.text for one in held], [one.language for one in held])
    pairs = list(zip((one.label for one in held), verdicts, strict=True))
    complaint = [
        (said.complaint if label.complaint else 1 - said.complaint, said.is_complaint is label.complaint)
        for label, said in pairs
        if label.complaint is not None
    ]
    sentiment = [
        _felt(said.sentiment, label.sentiment) for label, said in pairs if label.sentiment is not None
    ]
    scores = evaluate(predictor, guard.files, split=guard.split, together=True)
    return Measured(
        complaint=_agreement(complaint),
        sentiment=_agreement(sentiment) if sentiment else None,
        kept=next(one.macro_f1 for one in scores if (one.field, one.group) == ("complaint", "all")),
        kept_on=guard.words,
    )


def _felt(said: Sentiment, label: int) -> tuple[float, bool]:
    shares = (said.negative, said.neutral, said.positive)
    chance = shares[SENTIMENT_INDEX[label]]
    return chance, chance == max(shares)


def _agreement(found: Sequence[tuple[float, bool]]) -> Agreement:
    """`found` holds the probability of each agent's label, and whether the model gives that label as well."""
    return Agreement(
        right=sum(right for _, right in found) / len(found),
        # In this order a probability that is no number counts as the least, and not as itself.
        losses=tuple(-math.log(max(_LEAST_CHANCE, chance)) for chance, _ in found),
    )


def _against(before: Measured, after: Measured) -> Iterator[str]:
    if after.complaint.log_loss >= before.complaint.log_loss:
        yield "it agrees no better with agents on complaints"
    if after.kept < before.kept - MOST_LOST:
        yield f"it tells complaints worse on {after.kept_on}"
    if before.sentiment and after.sentiment and _lost(before.sentiment, after.sentiment):
        yield "it agrees less with agents on sentiment"


def _lost(before: Agreement, after: Agreement) -> bool:
    """Whether the mean loss rose by more than noise; a single correction cannot tell one from the other."""
    if before.rows < 2:
        return False
    rises = np.array(after.losses) - np.array(before.losses)
    return bool(rises.mean() > NOISE * rises.std(ddof=1) / math.sqrt(len(rises)))


def _next_version(version: str) -> str:
    """ "answerback-12l-2026.11" becomes "…+1", and that "…+2"."""
    stem, plus, number = version.rpartition("+")
    return f"{stem}+{int(number) + 1}" if plus and number.isdigit() else f"{version}+1"
