"""Measures a predictor on labelled files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.calibration import Array
from classifier.data import Row, Split, read_rows, split_of
from classifier.labels import LANGUAGES, SENTIMENT_INDEX, SENTIMENTS, UNDETERMINED
from desk.model.reason import GENERAL_REASONS, OTHER
from desk.model.verdict import Verdict
from desk.ports import Predictor

ECE_BINS = 15
CHUNK_ROWS = 1_024
_DRAWS = 200
TOGETHER = "together"
"""What several files are called that are scored as one."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one field was predicted on one group of rows."""

    file: str
    field: str
    """A key of `FIELDS`."""
    group: str
    """"all", a language such as "de" ("und": rows without one, beside others that have one), "brands" (rows
    whose domain is not random_*), an emotion such as "mutlu" whose rows are no complaints, or "all, no
    neutral": the file has no neutral label, so the better of the other two is taken."""
    rows: int
    macro_f1: float
    """Mean over the labels that occur in the truth; so is `macro_recall`."""
    macro_recall: float
    accuracy: float
    calibration_error: float | None
    """Expected calibration error, 15 equal bins: of the probability of complaint, anger or abuse, of the
    likeliest sentiment's. None for reason and language, which come without a probability."""
    chance_error: float | None
    """What `calibration_error` would be on average if every probability held: that of chance alone."""
    recall_at_precision_90: float | None
    """Most of the true complaints (anger, abuse) that any threshold finds with nine of ten right; None where
    there are none, and for fields of other than two labels."""
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
    probable: bool = True
    """`confidence` is a probability."""

    def only(self, rows: NDArray[np.bool_]) -> _Answers:
        return replace(
            self,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            confidence=self.confidence[rows],
            confirmed=self.confirmed[rows],
        )


def evaluate(
    predictor: Predictor,
    files: Sequence[Path],
    *,
    split: Split | None = None,
    together: bool = False,
    reasons: Iterable[str] = (),
    unknown: Callable[[str, Counter[str]], None] | None = None,
) -> list[Score]:
    """Score every field of `FIELDS` that a file has, over all rows and by group.

    `split` keeps the rows of one split: "test" is what shipped weights have never seen. `together` takes the
    files as one, named `TOGETHER`: where one holds complaints alone and another none. `reasons` are names of
    an operator's, known beside the general ones. Rows of any other reason count for their other fields alone;
    `unknown` is told the file and how many of its rows have which. Raises `DataError`.
    """
    ours = REASONS | {name: name for name in reasons}
    found: list[tuple[str, list[Row]]] = []
    for name, path in zip(_called(files), files, strict=True):
        rows, strange = _rows(path, split, ours)
        if strange and unknown is not None:
            unknown(name, strange)
        found.append((name, rows))
    if together:
        found = [(TOGETHER, [row for _, rows in found for row in rows])]
    return [score for name, rows in found for score in _scores(predictor, name, rows)]


def _called(files: Sequence[Path]) -> list[str]:
    """Each file's name without its endings, or its path as given where several have that name."""
    names = [path.name.partition(".")[0] for path in files]
    often = Counter(names)
    return [name if often[name] == 1 else str(path) for name, path in zip(names, files, strict=True)]


def as_table(scores: Sequence[Score]) -> str:
    """Return the scores as a Markdown table, percentages to one decimal."""
    head = (
        "| file | field | group | rows "
        "| macro-F1 | macro-recall | accuracy | ECE | ECE by chance | recall at P 0.9 |"
    )
    rule = "|---|---|---|--:|--:|--:|--:|--:|--:|--:|"
    lines = [
        f"| {score.file} | {score.field} | {score.group} | {score.rows} | {score.macro_f1:.1%} "
        f"| {score.macro_recall:.1%} | {score.accuracy:.1%} | {_or_dash(score.calibration_error, '.3f')} "
        f"| {_or_dash(score.chance_error, '.3f')} | {_or_dash(score.recall_at_precision_90, '.1%')} |"
        for score in scores
    ]
    return "\n".join([head, rule, *lines])


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def recall_at_precision(confidence: Array, confirmed: NDArray[np.bool_], precision: float = 0.9) -> float:
    """Return the highest recall of any threshold at which at least `precision` of what it names is right."""
    total = int(confirmed.sum())
    if not total:
        return 0.0
    order = np.argsort(-confidence, kind="stable")
    found = np.cumsum(confirmed[order])
    named = np.arange(1, len(order) + 1)
    # A threshold cannot part rows of one confidence: only the last row of each counts.
    ends = np.append(confidence[order][1:] != confidence[order][:-1], True)
    good = ends & (found >= precision * named)
    return float(found[good].max() / total) if good.any() else 0.0


def calibration_error(confidence: Array, confirmed: NDArray[np.bool_], bins: int = ECE_BINS) -> float:
    """Return the mean gap between confidence and frequency over equal-width bins, weighted by their rows."""
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=confidence - confirmed, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def chance_error(confidence: Array) -> float:
    """Return the mean calibration error of outcomes that are drawn with these very probabilities.

    They are right then, and few rows measure an error all the same: one near it tells nothing against them.
    """
    chance = np.random.default_rng(0)
    drawn = (chance.random(len(confidence)) < confidence for _ in range(_DRAWS))
    return float(np.mean([calibration_error(confidence, confirmed) for confirmed in drawn]))


def _rows(path: Path, split: Split | None, reasons: Mapping[str, str]) -> tuple[list[Row], Counter[str]]:
    """A file's rows that say anything, with our names of their reasons, and how often it has which others."""
    rows: list[Row] = []
    strange: Counter[str] = Counter()
    for row in read_rows(path):
        if split is not None and split_of(row["text"]) != split:
            continue
        reason = row.get("reason")
        if reason and reason not in reasons:
            strange[reason] += 1
        row["reason"] = reasons.get(reason) if reason else None
        if any(field.knows(row) for field in FIELDS.values()):
            rows.append(row)
    return rows, strange


def _scores(predictor: Predictor, file: str, rows: Sequence[Row]) -> Iterator[Score]:
    # Each text is read once, whatever its fields.
    verdicts = _predict(predictor, [row["text"] for row in rows])
    for name, field in FIELDS.items():
        known = [place for place, row in enumerate(rows) if field.knows(row)]
        if not known:
            continue
        chosen, said = [rows[place] for place in known], [verdicts[place] for place in known]
        for group, answers in _groups(chosen, field.answers(chosen, said), said):
            if len(answers.truth):
                yield _score(file, name, group, answers)


def _predict(predictor: Predictor, texts: Sequence[str]) -> list[Verdict]:
    chunks = (texts[start : start + CHUNK_ROWS] for start in range(0, len(texts), CHUNK_ROWS))
    return [verdict for chunk in chunks for verdict in predictor.predict(chunk)]


def _flags(
    labels: tuple[str, str], truth: Iterable[bool], chances: Iterable[float], called: Iterable[bool]
) -> _Answers:
    known = np.array(list(truth), dtype=bool)
    return _Answers(
        labels=labels,
        truth=known.astype(np.int64),
        predicted=np.array(list(called), dtype=np.int64),
        confidence=np.array(list(chances), dtype=np.float64),
        confirmed=known,
    )


def _complaints(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> _Answers:
    return _flags(
        _COMPLAINT_LABELS,
        (_complained(row) is True for row in rows),
        (verdict.complaint for verdict in verdicts),
        (verdict.is_complaint for verdict in verdicts),
    )


def _anger(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> _Answers:
    return _flags(
        ("not angry", "angry"),
        (_angry(row) is True for row in rows),
        (verdict.anger for verdict in verdicts),
        (verdict.anger >= 0.5 for verdict in verdicts),
    )


def _abuse(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> _Answers:
    return _flags(
        ("not abusive", "abusive"),
        (_abusive(row) is True for row in rows),
        (verdict.abuse for verdict in verdicts),
        (verdict.abuse >= 0.5 for verdict in verdicts),
    )


def _complained(row: Row) -> bool | None:
    if row.get("complaint") is not None:
        return int(row["complaint"]) == 1
    return False if row.get("emotion") in _CALM else None


def _angry(row: Row) -> bool | None:
    if row.get("anger") in (0, 1):
        return bool(row["anger"])
    return row["emotion"] in _ANGRY if isinstance(row.get("emotion"), str) else None


def _abusive(row: Row) -> bool | None:
    if row.get("abuse") in (0, 1):
        return bool(row["abuse"])
    return row["offensive"] == "offensive" if isinstance(row.get("offensive"), str) else None


def _reasons(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> _Answers:
    return _names([row["reason"] for row in rows], [verdict.reason or OTHER for verdict in verdicts])


def _languages(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> _Answers:
    return _names([row["lang"] for row in rows], [verdict.language for verdict in verdicts])


def _names(truth: Sequence[str], said: Sequence[str]) -> _Answers:
    labels = tuple(sorted({*truth, *said}))
    known = np.array([labels.index(name) for name in truth], dtype=np.int64)
    predicted = np.array([labels.index(name) for name in said], dtype=np.int64)
    right = predicted == known
    return _Answers(labels, known, predicted, right.astype(np.float64), right, probable=False)


def _sentiments(rows: Sequence[Row], verdicts: Sequence[Verdict], *, neutral: bool = True) -> _Answers:
    truth = np.array([SENTIMENT_INDEX[int(row["sentiment"])] for row in rows], dtype=np.int64)
    felt = [verdict.sentiment for verdict in verdicts]
    shares = np.array([[one.negative, one.neutral, one.positive] for one in felt], dtype=np.float64)
    if not neutral:
        shares[:, SENTIMENTS.index("neutral")] = 0.0
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
    predicted = shares.argmax(axis=1).astype(np.int64)
    return _Answers(SENTIMENTS, truth, predicted, shares.max(axis=1), predicted == truth)


_COMPLAINT_LABELS = ("no complaint", "complaint")
_ANGRY = frozenset({"anger", "kızgın"})
_CALM = frozenset({"mutlu", "üzgün", "korku", "surpriz"})
"""Joy, grief, fear and surprise over private matters, in the words of the Turkish set: no complaints.
Its anger may be one; the English set has other words, and its grief is often about a service."""

REASONS: dict[str, str] = {name: name for name in (*GENERAL_REASONS, OTHER)} | {
    # The labels of the Crowdflower set on US airlines. "Can't Tell" says that there was none to be compared.
    # A long line at an airport is waiting; a bad flight is what was sold, and not how people treated you.
    "Late Flight": "delay",
    "longlines": "delay",
    "Cancelled Flight": "cancellation",
    "Customer Service Issue": "service",
    "Flight Attendant Complaints": "service",
    "Lost Luggage": "lost or damaged",
    "Damaged Luggage": "lost or damaged",
    "Flight Booking Problems": "booking",
    "Bad Flight": "quality",
}
"""What a row's `reason` may say, as the classifier's own names; an operator's come beside them."""


@dataclass(frozen=True, slots=True)
class _Field:
    knows: Callable[[Row], bool]
    """Whether a row says what is true."""
    answers: Callable[[Sequence[Row], Sequence[Verdict]], _Answers]


FIELDS: dict[str, _Field] = {
    "complaint": _Field(lambda row: _complained(row) is not None, _complaints),
    "sentiment": _Field(lambda row: row.get("sentiment") is not None, _sentiments),
    "reason": _Field(lambda row: row.get("reason") is not None, _reasons),
    "anger": _Field(lambda row: _angry(row) is not None, _anger),
    "abuse": _Field(lambda row: _abusive(row) is not None, _abuse),
    "language": _Field(lambda row: row.get("lang") in LANGUAGES, _languages),
}
"""What is scored: `complaint`, `sentiment` and `reason` of a row against the verdict's, an `emotion` of
`_CALM` as no complaint, its `anger` or `emotion` against anger, its `abuse` or `offensive` against abuse, its
`lang` against the language."""


def _groups(
    rows: Sequence[Row], answers: _Answers, verdicts: Sequence[Verdict]
) -> Iterator[tuple[str, _Answers]]:
    yield "all", answers
    if answers.labels == SENTIMENTS and SENTIMENTS.index("neutral") not in answers.truth:
        yield "all, no neutral", _sentiments(rows, verdicts, neutral=False)
    domains = [str(row.get("domain", "")) for row in rows]
    if answers.probable and any(domain.startswith("random_") for domain in domains):
        yield "brands", answers.only(np.array([not domain.startswith("random_") for domain in domains]))
    if answers.labels == _COMPLAINT_LABELS:
        calm = ["" if row.get("complaint") is not None else str(row["emotion"]) for row in rows]
        for emotion in sorted({*calm} - {""}):
            yield emotion, answers.only(np.array([one == emotion for one in calm]))
    if any(row.get("lang") for row in rows):
        languages = [row.get("lang") or UNDETERMINED for row in rows]
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
        calibration_error=calibration_error(answers.confidence, answers.confirmed)
        if answers.probable
        else None,
        chance_error=chance_error(answers.confidence) if answers.probable else None,
        recall_at_precision_90=recall_at_precision(answers.confidence, answers.confirmed)
        if len(answers.labels) == 2 and answers.probable and answers.confirmed.any()
        else None,
        labels=answers.labels,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )
