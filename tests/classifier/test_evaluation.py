"""Figures that can be worked out by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.data import DataError, split_of
from classifier.evaluation import (
    Score,
    as_table,
    calibration_error,
    chance_error,
    evaluate,
    recall_at_precision,
)
from desk.model.verdict import Sentiment, Verdict

Write = Callable[[str, list[dict[str, object]]], Path]


BLANK = Verdict(0.0, False, False, Sentiment(0.0, 1.0, 0.0), "en", "knower", b"")


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
    everything, brands, english, language, _ = evaluate(Parrot(), [file])
    assert (language.field, language.accuracy, language.calibration_error) == ("language", 1.0, None)
    assert english == replace(everything, group="en")
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


def test_a_group_without_rows_is_left_out(write_rows: Write) -> None:
    rows = [{"text": f"c0.{n} s0/1/0", "complaint": 0, "domain": "random_tweet"} for n in range(3)]
    (only,) = evaluate(Parrot(), [write_rows("calm", rows)])
    assert (only.group, only.rows, only.accuracy) == ("all", 3, 1.0)


def groups(predictor: Parrot, files: list[Path], field: str) -> dict[tuple[str, str], int]:
    return {(s.file, s.group): s.rows for s in evaluate(predictor, files) if s.field == field}


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (["de", "de"], {"de": 2}),
        (["de", "fr", "de"], {"de": 2, "fr": 1}),
        (["nl", None, ""], {"nl": 1, "und": 2}),
        ([None, ""], {}),
    ],
)
def test_each_language_that_occurs_has_a_row(
    write_rows: Write, languages: list[str | None], expected: dict[str, int]
) -> None:
    file = write_rows("said", [{"text": "c0.1 s0/1/0", "complaint": 0, "lang": one} for one in languages])
    found = groups(Parrot(), [file], "complaint")
    assert found == {("said", group): rows for group, rows in ({"all": len(languages)} | expected).items()}


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path: Path, write_rows: Write) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    rows: list[dict[str, object]] = [{"text": "c0.1 s0/1/0", "complaint": 0}]
    files = [write_rows(name, rows) for name in ("old/bank", "new/bank", "shop")]
    found = groups(Parrot(), files, "complaint")
    assert [name for name, _ in found] == [str(files[0]), str(files[1]), "shop"]


def test_sentiment_figures_by_language(write_rows: Write) -> None:
    file = write_rows(
        "felt",
        [
            {"text": "c0 s0.7/0.2/0.1", "sentiment": -1, "lang": "de"},
            {"text": "c0 s0.2/0.7/0.1", "sentiment": 0, "lang": "de"},
            {"text": "c0 s0.6/0.3/0.1", "sentiment": 1, "lang": "fr"},
        ],
    )
    scores = {score.group: score for score in evaluate(Parrot(), [file]) if score.field == "sentiment"}
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


def test_a_verdict_that_is_neutral_alone_counts_for_nothing_where_there_is_no_neutral(
    write_rows: Write,
) -> None:
    polar = write_rows("polar", [{"text": "c0 s0/1/0", "sentiment": 1}])
    scores = {score.group: score for score in evaluate(Parrot(), [polar])}
    assert (scores["all, no neutral"].accuracy, scores["all, no neutral"].calibration_error) == (0.0, 0.0)


def test_calm_tweets_are_no_complaints_and_complete_a_file_of_complaints(write_rows: Write) -> None:
    bank = write_rows("bank", [{"text": f"c0.{n} s1/0/0", "complaint": 1} for n in (9, 8, 2)])
    moods = write_rows(
        "moods",
        [
            {"text": "c0.7 s0/0/1 joy", "emotion": "mutlu"},
            {"text": "c0.1 s0/0/1 joy", "emotion": "mutlu"},
            {"text": "c0.2 s1/0/0 grief", "emotion": "üzgün"},
            {"text": "c0.9 s1/0/0 anger", "emotion": "kızgın"},
            {"text": "c0.6 s0/0/1 told", "emotion": "mutlu", "complaint": 1},
            {"text": "c0.9 s1/0/0 sadness", "emotion": "sadness"},
        ],
    )

    def complaints(files: list[Path], *, together: bool) -> dict[tuple[str, str], Score]:
        scores = evaluate(Parrot(), files, together=together)
        return {(one.file, one.group): one for one in scores if one.field == "complaint"}

    alone = complaints([moods], together=False)
    assert {group: score.confusion for group, score in alone.items()} == {
        ("moods", "all"): ((2, 1), (0, 1)),
        ("moods", "mutlu"): ((1, 1), (0, 0)),
        ("moods", "üzgün"): ((1, 0), (0, 0)),
    }
    assert alone["moods", "mutlu"].recall_at_precision_90 is None  # there is none to be found
    assert complaints([bank, moods], together=True)["together", "all"].confusion == ((2, 1), (1, 3))


class Knower:
    """Says of each text what the test has told it."""

    version = "knower"

    def __init__(self, known: Mapping[str, Verdict]) -> None:
        self.known = known

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        return [self.known[text] for text in texts]


def test_reasons_of_another_set_are_compared_by_our_names(write_rows: Write) -> None:
    rows = [
        ("late", "Late Flight", "delay"),
        ("queue", "longlines", ""),
        ("rude", "Flight Attendant Complaints", "service"),
        ("bag", "Lost Luggage", "locker"),
        ("none", "Can't Tell", "delay"),
        ("word", "other", ""),
    ]
    known = {text: replace(BLANK, reason=reason) for text, _, reason in rows}
    file = write_rows("air", [{"text": text, "reason": reason} for text, reason, _ in rows])
    (score,) = evaluate(Knower(known), [file])
    assert (score.field, score.group, score.rows, score.accuracy) == ("reason", "all", 5, 3 / 5)
    assert score.labels == ("delay", "locker", "lost or damaged", "other", "service")
    assert score.confusion[0] == (1, 0, 0, 1, 0)
    assert (score.calibration_error, score.chance_error, score.recall_at_precision_90) == (None, None, None)


def test_an_operators_reasons_are_known_and_any_other_is_told(write_rows: Write) -> None:
    rows = [
        ("box", "locker", "locker"),
        ("queue", "longlines", "longlines"),  # the airlines' word, unless an operator has it as well
        ("what", "mystery", ""),
        ("huh", "mystery", ""),
        ("calm", "", ""),
    ]
    known = {text: replace(BLANK, reason=said) for text, _, said in rows}
    file = write_rows("shop", [{"text": text, "reason": reason, "complaint": 0} for text, reason, _ in rows])
    told: dict[str, Counter[str]] = {}
    scores = evaluate(
        Knower(known), [file], reasons=["locker", "longlines"], unknown=lambda *left: told.update([left])
    )
    complaint, reason = scores
    assert (reason.field, reason.rows, reason.accuracy) == ("reason", 2, 1.0)
    assert reason.labels == ("locker", "longlines")
    assert complaint.rows == 5  # what else a row says is measured all the same
    assert told == {"shop": Counter(mystery=2)}


def test_anger_and_abuse_are_scored_where_a_file_tells_them(write_rows: Write) -> None:
    known = {
        "a": replace(BLANK, anger=0.9, abuse=0.1),
        "b": replace(BLANK, anger=0.2, abuse=0.8),
        "c": replace(BLANK, anger=0.6, abuse=0.7),
    }
    feels = write_rows(
        "feels",
        [
            {"text": "a", "emotion": "anger"},
            {"text": "b", "emotion": "kızgın"},
            {"text": "c", "emotion": "joy"},
        ],
    )
    rude = {"a": "not-offensive", "b": "offensive", "c": "offensive"}
    says = write_rows("says", [{"text": text, "offensive": said} for text, said in rude.items()])
    anger, abuse = evaluate(Knower(known), [feels, says])
    assert (anger.field, anger.labels, anger.confusion) == ("anger", ("not angry", "angry"), ((0, 1), (1, 1)))
    assert anger.recall_at_precision_90 == 0.5
    assert (abuse.field, abuse.accuracy, abuse.recall_at_precision_90) == ("abuse", 1.0, 1.0)


@pytest.mark.parametrize(
    ("confidence", "confirmed", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 2 / 3),
        ([0.9, 0.9, 0.8], [1, 0, 1], 0.0),
        ([0.9, 0.8], [0, 1], 0.0),
        ([0.2] * 10, [1] * 9 + [0], 1.0),
        ([0.5], [0], 0.0),
    ],
)
def test_recall_at_a_precision(confidence: list[float], confirmed: list[int], expected: float) -> None:
    found = recall_at_precision(np.array(confidence), np.array(confirmed, dtype=bool))
    assert found == pytest.approx(expected)


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


def test_chance_alone_errs_on_few_rows_and_not_on_many() -> None:
    assert chance_error(np.full(400, 0.5)) == pytest.approx(0.02, rel=0.1)  # sqrt(2 / pi * 0.25 / 400)
    assert chance_error(np.full(40_000, 0.5)) == pytest.approx(0.002, rel=0.1)
    assert chance_error(np.array([0.9])) == pytest.approx(0.18, rel=0.3)  # 2 * 0.9 * 0.1
    assert chance_error(np.array([0.0, 1.0, 1.0])) == 0.0
    assert chance_error(np.empty(0)) == 0.0


def test_the_table_has_a_line_a_score(write_rows: Write) -> None:
    scores = evaluate(Parrot(), [write_rows("one", [{"text": "c0.0 s0/1/0", "complaint": 1}])])
    line = "| one | complaint | all | 1 | 0.0% | 0.0% | 0.0% | 1.000 | 0.000 | 100.0% |"
    assert line in as_table(scores)


def test_a_missing_or_broken_file_is_named(tmp_path: Path, write_rows: Write) -> None:
    with pytest.raises(DataError, match=r"nothing\.jsonl\.gz: no such data set"):
        evaluate(Parrot(), [tmp_path / "nothing.jsonl.gz"])
    with pytest.raises(DataError, match="line 2: expected an object with a text"):
        evaluate(Parrot(), [write_rows("broken", [{"text": "c0 s0/1/0"}, {"words": "none"}])])
