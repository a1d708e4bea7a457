"""Learning from agents: what is trained on, what is held back, and when the old model stays."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.artifact import REASONS, read_manifest, write_manifest
from classifier.data import split_of
from classifier.feedback import LEAST, MOST_LOST, PLAN, learn
from classifier.fitting import TrainingError
from classifier.predictor import load_predictor
from desk.model.correction import Correction, Label
from desk.model.mention import MentionId
from tests.kernel import NOON

Write = Callable[[str, list[dict[str, object]]], Path]
TINY = replace(PLAN, rate=2e-3, head_rate=2e-2, frozen_layers=0, batch_size=16, log_steps=50, threads=1)
WORDS = [
    f"{a} {b} {c}"
    for a in ("red", "blue", "old", "new", "big")
    for b in ("bank", "phone", "shop")
    for c in range(8)
]


SHIPPED = "the posts that ship for measuring"


def correction(text: str, label: Label) -> Correction:
    return Correction(MentionId(f"bluesky:{text}"), "bluesky", text, "en", label, ("mia",), NOON)


def taught(*, wrong: bool = False) -> list[Correction]:
    """What is broken is a complaint, what is great is none; `wrong` turns what is held back round."""
    made = []
    for number, words in enumerate(WORDS):
        text = f"{words} is {'broken' if number % 2 else 'great'}"
        flipped = wrong and split_of(text) != "train"
        made.append(correction(text, Label(complaint=bool(number % 2) is not flipped)))
    return made


def felt(*, wrong: bool = False) -> list[Correction]:
    """The same; what is broken is negative, too, what is great positive. `wrong` turns that round alone."""
    made = []
    for one in taught():
        flipped = wrong and split_of(one.text) != "train"
        sentiment = -1 if bool(one.label.complaint) is not flipped else 1
        made.append(replace(one, label=replace(one.label, sentiment=sentiment)))
    return made


def of_split(*splits: str) -> list[str]:
    return [words for words in WORDS if split_of(words) in splits]


def test_what_was_corrected_is_learned_and_the_rest_measures_it(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours"
    outcome = learn(tiny_folder, taught(), out, plan=TINY)
    assert outcome.better
    assert outcome.learned + outcome.held == len(WORDS)
    assert outcome.held == outcome.before.complaint.rows == outcome.after.complaint.rows
    assert outcome.after.complaint.log_loss < outcome.before.complaint.log_loss
    assert outcome.after.complaint.right > 0.9
    assert outcome.before.sentiment is None
    assert outcome.manifest.version == "tiny-2l+1"
    broken, great = load_predictor(out).predict(["green bank is broken", "green bank is great"])
    assert broken.complaint > great.complaint
    again = learn(out, taught(), tmp_path / "again", plan=TINY)
    assert again.manifest.version in {"tiny-2l+1", "tiny-2l+2"}


def test_the_vectors_stay_near_what_they_were(tiny_folder: Path, tmp_path: Path) -> None:
    """The reasons are found by them, and no correction says what they should be."""
    learn(tiny_folder, taught(), tmp_path / "ours", plan=replace(TINY, vector_rate=2e-3))
    texts = [f"green {words} is not great" for words in WORDS]
    new, old = (
        load_predictor(folder).outputs(texts).embedding for folder in (tmp_path / "ours", tiny_folder)
    )
    assert (new * old).sum(axis=1).mean() > 0.9


def test_what_is_no_better_is_not_written(tiny_folder: Path, tmp_path: Path) -> None:
    outcome = learn(tiny_folder, taught(wrong=True), tmp_path / "ours", plan=TINY)
    assert not outcome.better
    assert outcome.against == ("it agrees no better with agents on complaints",)
    assert outcome.manifest.version == "tiny-2l"
    assert not (tmp_path / "ours").exists()


def test_a_model_that_only_says_no_more_often_is_no_better(tiny_folder: Path, tmp_path: Path) -> None:
    """It agrees with every dismissal, and finds no complaint any more."""
    weights = shutil.copytree(tiny_folder, tmp_path / "weights")
    # Of what it takes for complaints, and of what not, half are.
    write_manifest(weights, replace(read_manifest(weights), complaint_threshold=0.89))
    dismissed = [replace(one, label=Label(complaint=False)) for one in taught()]
    outcome = learn(weights, dismissed, tmp_path / "ours", plan=TINY)
    assert outcome.after.complaint.right == 1.0
    assert outcome.after.complaint.log_loss < outcome.before.complaint.log_loss
    assert outcome.after.kept < outcome.before.kept - MOST_LOST
    assert outcome.against == (f"it tells complaints worse on {SHIPPED}",)
    assert not (tmp_path / "ours").exists()


def test_the_data_is_learned_again_and_guards_what_was_known(
    tiny_folder: Path, tmp_path: Path, write_rows: Write
) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"my {words} {'hate' if n % 2 else 'love'}", "complaint": n % 2, "lang": "en"}
        for n, words in enumerate(WORDS)
    ]
    write_rows("complaints_en", rows)
    outcome = learn(tiny_folder, taught(), tmp_path / "ours", data=tmp_path, plan=TINY)
    assert outcome.before.kept_on == "the data's validation"
    assert outcome.better is (outcome.after.kept >= outcome.before.kept - MOST_LOST)


def test_data_without_complaints_to_measure_on_leaves_the_posts_that_ship(
    tiny_folder: Path, tmp_path: Path, write_rows: Write
) -> None:
    write_rows("emotion_en", [{"text": f"my {words}", "emotion": "anger"} for words in WORDS])
    outcome = learn(tiny_folder, taught(), tmp_path / "ours", data=tmp_path, plan=TINY)
    assert outcome.before.kept_on == outcome.after.kept_on == SHIPPED


@pytest.mark.parametrize("wrong", [False, True])
def test_sentiment_is_measured_and_must_not_suffer(tiny_folder: Path, tmp_path: Path, wrong: bool) -> None:
    outcome = learn(tiny_folder, felt(wrong=wrong), tmp_path / "ours", plan=TINY)
    before, after = outcome.before.sentiment, outcome.after.sentiment
    assert before is not None
    assert after is not None
    assert before.rows == after.rows == outcome.held
    assert after.right == pytest.approx(0.0 if wrong else 1.0, abs=0.2)
    assert (after.log_loss > before.log_loss) is wrong
    assert outcome.after.complaint.log_loss < outcome.before.complaint.log_loss
    assert outcome.against == (("it agrees less with agents on sentiment",) if wrong else ())


def test_one_sentiment_that_is_told_worse_may_be_chance(tiny_folder: Path, tmp_path: Path) -> None:
    odd = next(one for one in felt(wrong=True) if split_of(one.text) != "train")
    known = [
        one if split_of(one.text) == "train" else replace(one, label=Label(one.label.complaint))
        for one in felt()
    ]
    outcome = learn(
        tiny_folder, [odd if one.text == odd.text else one for one in known], tmp_path / "ours", plan=TINY
    )
    assert outcome.before.sentiment is not None
    assert outcome.after.sentiment is not None
    assert outcome.before.sentiment.rows == 1
    assert outcome.after.sentiment.log_loss > outcome.before.sentiment.log_loss
    assert outcome.better


def test_sentiment_alone_is_learned_too_and_a_reason_alone_is_not(tiny_folder: Path, tmp_path: Path) -> None:
    more = [correction(f"{words} again", Label(sentiment=-1)) for words in WORDS[:30]]
    silent = [correction(f"{words} still", Label(reason="delay")) for words in WORDS]
    outcome = learn(tiny_folder, [*taught(), *more, *silent], tmp_path / "ours", plan=TINY)
    assert outcome.learned + outcome.held == len(WORDS) + 30
    assert outcome.before.sentiment is not None
    assert outcome.before.complaint.rows + outcome.before.sentiment.rows == outcome.held


def test_too_few_corrections_are_said_with_what_to_do(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"Too few corrections to learn from: 10 of at least {LEAST}"):
        learn(tiny_folder, taught()[:10], tmp_path / "ours")
    silent = [correction(words, Label(reason="delay")) for words in WORDS]
    with pytest.raises(TrainingError, match="Too few corrections to learn from: 0 of at least"):
        learn(tiny_folder, silent, tmp_path / "ours")


def test_corrections_of_sentiment_alone_cannot_tell_whether_complaints_are_found_better(
    tiny_folder: Path, tmp_path: Path
) -> None:
    moods = [correction(words, Label(sentiment=-1)) for words in WORDS[:100]]
    with pytest.raises(TrainingError, match="None of the 100 corrections says whether a post is a complaint"):
        learn(tiny_folder, moods, tmp_path / "ours")


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        (["train"], "All are of posts to learn from, and none is left to measure on"),
        (["validation", "test"], "All are of posts to measure on, and none is left to learn from"),
    ],
)
def test_complaints_on_one_side_alone_are_not_called_few(
    tiny_folder: Path, tmp_path: Path, splits: list[str], words: str
) -> None:
    some = of_split(*splits)[:20]
    given = [
        correction(text, Label(complaint=True if text in some else None, sentiment=-1)) for text in WORDS
    ]
    with pytest.raises(TrainingError, match=f": 20 of {len(WORDS)}. {words}"):
        learn(tiny_folder, given, tmp_path / "ours")


def test_no_posts_text_is_left_behind(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    learn(tiny_folder, taught(), tmp_path / "ours", plan=TINY)
    assert list(scratch.iterdir()) == []
    names = {path.name for path in (tmp_path / "ours").iterdir()}
    assert names == {path.name for path in tiny_folder.iterdir()} | {REASONS}
