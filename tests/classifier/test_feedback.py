"""Learning from agents: what is trained on, what is held back, and when the old model stays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.artifact import REASONS
from classifier.data import split_of
from classifier.feedback import LEAST, PLAN, learn
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


def test_what_was_corrected_is_learned_and_the_rest_measures_it(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours"
    outcome = learn(tiny_folder, taught(), out, plan=TINY)
    assert outcome.better
    assert outcome.learned + outcome.before.rows == len(WORDS)
    assert outcome.after.log_loss < outcome.before.log_loss
    assert outcome.after.right > 0.9
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
    assert outcome.manifest.version == "tiny-2l"
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
    assert outcome.before.kept is not None
    assert outcome.after.kept is not None
    assert outcome.better is (outcome.after.kept >= outcome.before.kept - 0.005)


def test_sentiment_alone_is_learned_too_and_a_reason_alone_is_not(tiny_folder: Path, tmp_path: Path) -> None:
    more = [correction(f"{words} again", Label(sentiment=-1)) for words in WORDS[:20]]
    silent = [correction(f"{words} still", Label(reason="delay")) for words in WORDS]
    outcome = learn(tiny_folder, [*taught(), *more, *silent], tmp_path / "ours", plan=TINY)
    assert len(WORDS) < outcome.learned + outcome.before.rows <= len(WORDS) + 20


def test_too_few_corrections_are_said_with_what_to_do(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"Too few corrections to learn from: 10 of at least {LEAST}"):
        learn(tiny_folder, taught()[:10], tmp_path / "ours")


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
