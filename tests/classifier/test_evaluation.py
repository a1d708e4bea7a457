"""Figures that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from classifier.data import DataError, split_of
from classifier.evaluation import as_table, calibration_error, evaluate
from desk.model.verdict import Sentiment, Verdict

Write = Callable[[str, list[dict[str, object]]], Path]


class Parrot:
    """Reads the verdict off the text: "c0.9 s0.7/0.2/0.1"."""

    version = "parrot"

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Verdict:
        complaint, sentiment = text.split()[:2]
        probability = float(complaint[1:])
        shares = [float(share) for share in sentiment[1:].split("/")]
        return Verdict(probability, probability >= 0.5, False, Sentiment(*shares), "en", self.version, b"")


def test_complaint_figures(write_rows: Write) -> None:
    texts = [("c0.9", 1, "food"), ("c0.8", 1, "food"), ("c0.7", 0, "food"), ("c0.1", 0, "random_tweet")]
    file = write_rows(
        "some",
        [
            {"text": f"{said} s0/1/0", "complaint": true, "domain": domain, "lang": "en"}
            for said, true, domain in texts
        ],
    )
    everything, brands = evaluate(Parrot(), [file])
    assert (everything.file, everything.field, everything.group, everything.rows) == (
        "some",
        "complaint",
        "all",
        4,
    )
    assert everything.confusion == ((1, 1), (0, 2))
    assert everything.accuracy == 0.75
    assert everything.macro_recall == 0.75
    assert everything.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert everything.calibration_error == pytest.approx((0.1 + 0.2 + 0.7 + 0.1) / 4)
    assert (brands.group, brands.rows, brands.accuracy) == ("brands", 3, pytest.approx(2 / 3))


def test_sentiment_figures_by_language(write_rows: Write) -> None:
    file = write_rows(
        "felt",
        [
            {"text": "c0 s0.7/0.2/0.1", "sentiment": -1, "lang": "de"},
            {"text": "c0 s0.2/0.7/0.1", "sentiment": 0, "lang": "de"},
            {"text": "c0 s0.6/0.3/0.1", "sentiment": 1, "lang": "fr"},
        ],
    )
    scores = {score.group: score for score in evaluate(Parrot(), [file])}
    assert set(scores) == {"all", "de", "fr"}
    assert scores["de"].accuracy == 1.0
    assert scores["fr"].macro_f1 == 0.0
    assert scores["all"].confusion == ((1, 0, 0), (0, 1, 0), (1, 0, 0))
    assert scores["all"].macro_recall == pytest.approx(2 / 3)
    assert scores["all"].macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_a_file_without_neutral_rows_is_also_scored_on_two_classes(write_rows: Write) -> None:
    file = write_rows(
        "polar", [{"text": "c0 s0.3/0.6/0.1", "sentiment": -1}, {"text": "c0 s0/0.1/0.9", "sentiment": 1}]
    )
    scores = {score.group: score for score in evaluate(Parrot(), [file])}
    assert scores["all"].accuracy == 0.5
    assert scores["all, no neutral"].accuracy == 1.0


def test_a_split_keeps_its_rows_only(write_rows: Write) -> None:
    rows = [{"text": f"c0.9 s0/1/0 {word}", "complaint": 1} for word in map(str, range(300))]
    kept = sum(split_of(str(row["text"])) == "test" for row in rows)
    assert 0 < kept < len(rows)
    assert evaluate(Parrot(), [write_rows("many", rows)], split="test")[0].rows == kept


def test_calibration_error_of_a_perfect_and_a_boastful_forecast() -> None:
    chance = np.random.default_rng(0)
    confidence = chance.random(50_000)
    assert calibration_error(confidence, chance.random(50_000) < confidence) < 0.01
    assert calibration_error(np.full(100, 0.95), np.arange(100) < 50) == pytest.approx(0.45)
    assert calibration_error(np.empty(0), np.empty(0, dtype=bool)) == 0.0


def test_the_table_has_a_line_a_score(write_rows: Write) -> None:
    scores = evaluate(Parrot(), [write_rows("one", [{"text": "c0.9 s0/1/0", "complaint": 1}])])
    assert "| one | complaint | all | 1 | 100.0% | 100.0% | 100.0% | 0.100 |" in as_table(scores)


def test_a_missing_or_broken_file_is_named(tmp_path: Path, write_rows: Write) -> None:
    with pytest.raises(DataError, match=r"nothing\.jsonl\.gz: no such data set"):
        evaluate(Parrot(), [tmp_path / "nothing.jsonl.gz"])
    with pytest.raises(DataError, match="line 2: expected an object with a text"):
        evaluate(Parrot(), [write_rows("broken", [{"text": "c0 s0/1/0"}, {"words": "none"}])])
