"""Measures a predictor on labelled files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.calibration import Array
from classifier.data import Row, Split, read_rows, split_of
from classifier.labels import SENTIMENT_INDEX, SENTIMENTS
from desk.model.verdict import Verdict
from desk.ports import Predictor

ECE_BINS = 15
CHUNK_ROWS = 1_024

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one field was predicted on one group of rows."""

    file: str
    field: str
    """"complaint" or "sentiment"."""
    group: str
    """"all", a language such as "de", "brands" (rows whose domain is not random_*), or "all, no neutral":
    the file has no neutral label, so the better of the other two is taken."""
    rows: int
    macro_f1: float
    """Mean over the labels that occur in the truth; so is `macro_recall`."""
    macro_recall: float
    accuracy: float
    calibration_error: float
    """Expected calibration error, 15 equal bins: of the complaint's probability, of the likeliest
    sentiment's."""
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows are the truth, columns the prediction, in the order of `labels`."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """One field's truth and prediction over the same rows."""

    labels: tuple[str, ...]
    truth: Ints
    predicted: Ints
    confidence: Array
    """Probability that `confirmed` is about."""
    confirmed: NDArray[np.bool_]

    def only(self, rows: NDArray[np.bool_]) -> _Answers:
        return _Answers(
            self.labels, self.truth[rows], self.predicted[rows], self.confidence[rows], self.confirmed[rows]
        )


def evaluate(predictor: Predictor, files: Sequence[Path], *, split: Split | None = None) -> list[Score]:
    """Score the fields `complaint` and `sentiment` of every file, over all rows and by group.

    `split` keeps the rows of one split: "test" is what shipped weights have never seen. Raises `DataError`.
    """
    return [score for path in files for score in _evaluate_file(predictor, path, split)]


def as_table(scores: Sequence[Score]) -> str:
    """Return the scores as a Markdown table, percentages to one decimal."""
    head = "| file | field | group | rows | macro-F1 | macro-recall | accuracy | ECE |"
    rule = "|---|---|---|--:|--:|--:|--:|--:|"
    lines = [
        f"| {score.file} | {score.field} | {score.group} | {score.rows} | {score.macro_f1:.1%} "
        f"| {score.macro_recall:.1%} | {score.accuracy:.1%} | {score.calibration_error:.3f} |"
        for score in scores
    ]
    return "\n".join([head, rule, *lines])


def calibration_error(confidence: Array, confirmed: NDArray[np.bool_], bins: int = ECE_BINS) -> float:
    """Return the mean gap between confidence and frequency over equal-width bins, weighted by their rows."""
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=confidence - confirmed, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _evaluate_file(predictor: Predictor, path: Path, split: Split | None) -> Iterator[Score]:
    rows = [row for row in read_rows(path) if split is None or split_of(row["text"]) == split]
    name = path.name.split(".")[0]
    for field, answer in _FIELDS.items():
        labelled = [row for row in rows if row.get(field) is not None]
        if not labelled:
            continue
        verdicts = _predict(predictor, [row["text"] for row in labelled])
        for group, answers in _groups(labelled, answer(labelled, verdicts), verdicts):
            yield _score(name, field, group, answers)


def _predict(predictor: Predictor, texts: Sequence[str]) -> list[Verdict]:
    chunks = (texts[start : start + CHUNK_ROWS] for start in range(0, len(texts), CHUNK_ROWS))
    return [verdict for chunk in chunks for verdict in predictor.predict(chunk)]


def _complaints(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> _Answers:
    truth = np.array([int(row["complaint"]) for row in rows], dtype=np.int64)
    return _Answers(
        labels=("no complaint", "complaint"),
        truth=truth,
        predicted=np.array([int(verdict.is_complaint) for verdict in verdicts], dtype=np.int64),
        confidence=np.array([verdict.complaint for verdict in verdicts], dtype=np.float64),
        confirmed=truth == 1,
    )


def _sentiments(rows: Sequence[Row], verdicts: Sequence[Verdict], *, neutral: bool = True) -> _Answers:
    truth = np.array([SENTIMENT_INDEX[int(row["sentiment"])] for row in rows], dtype=np.int64)
    felt = [verdict.sentiment for verdict in verdicts]
    shares = np.array([[one.negative, one.neutral, one.positive] for one in felt], dtype=np.float64)
    if not neutral:
        shares[:, SENTIMENTS.index("neutral")] = 0.0
        shares /= shares.sum(axis=1, keepdims=True)
    predicted = shares.argmax(axis=1).astype(np.int64)
    return _Answers(SENTIMENTS, truth, predicted, shares.max(axis=1), predicted == truth)


_FIELDS: dict[str, Callable[[Sequence[Row], Sequence[Verdict]], _Answers]] = {
    "complaint": _complaints,
    "sentiment": _sentiments,
}


def _groups(
    rows: Sequence[Row], answers: _Answers, verdicts: Sequence[Verdict]
) -> Iterator[tuple[str, _Answers]]:
    yield "all", answers
    if answers.labels == SENTIMENTS and SENTIMENTS.index("neutral") not in answers.truth:
        yield "all, no neutral", _sentiments(rows, verdicts, neutral=False)
    domains = [str(row.get("domain", "")) for row in rows]
    if any(domain.startswith("random_") for domain in domains):
        yield "brands", answers.only(np.array([not domain.startswith("random_") for domain in domains]))
    languages = [str(row.get("lang", "")) for row in rows]
    if len(set(languages)) > 1:
        for language in sorted(set(languages)):
            yield language, answers.only(np.array([one == language for one in languages]))


def _score(file: str, field: str, group: str, answers: _Answers) -> Score:
    size = len(answers.labels)
    confusion = np.bincount(answers.truth * size + answers.predicted, minlength=size * size).reshape(
        size, size
    )
    hits, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    present = true > 0
    return Score(
        file=file,
        field=field,
        group=group,
        rows=len(answers.truth),
        macro_f1=float((2 * hits / np.maximum(true + said, 1))[present].mean()),
        macro_recall=float((hits / np.maximum(true, 1))[present].mean()),
        accuracy=float(hits.sum() / max(1, len(answers.truth))),
        calibration_error=calibration_error(answers.confidence, answers.confirmed),
        labels=answers.labels,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )
