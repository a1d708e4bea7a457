"""The low heads answer only where the top would say the same, and the top everything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier.artifact import MANIFEST
from classifier.calibration import sigmoid
from classifier.early_exit import WRONG_SHARE, Said, fit_exit
from classifier.predictor import OnnxPredictor, load_predictor

TEXTS = [f"my bank number {number} is not great{'!' * (number % 4)}" for number in range(40)]


def predictor(folder: Path, scratch: Path, **bounds: float) -> OnnxPredictor:
    """One whose early heads are sure beyond these bounds."""
    copy = Path(shutil.copytree(folder, scratch / "weights", dirs_exist_ok=True))
    content = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(content | {"exit": content["exit"] | bounds}))
    return load_predictor(copy, complaint_threshold=0.5, look_threshold=0.5)


def test_by_default_the_top_is_always_asked(tiny_folder: Path) -> None:
    outputs = load_predictor(tiny_folder).outputs(TEXTS)
    assert outputs.asked.all()


def test_who_is_sure_early_is_not_asked_again(tiny_folder: Path, tmp_path: Path) -> None:
    eager = predictor(tiny_folder, tmp_path, complaint_below=0.5, complaint_above=0.5, sentiment_above=0.0)
    outputs = eager.outputs(TEXTS)
    assert not outputs.asked.any()
    expected = sigmoid(outputs.early["complaint"].astype(float))
    assert [verdict.complaint for verdict in eager.predict(TEXTS)] == pytest.approx(expected.tolist())


def test_the_others_get_the_answer_that_the_top_gives_everybody(tiny_folder: Path, tmp_path: Path) -> None:
    everything = load_predictor(tiny_folder).outputs(TEXTS)
    early = sigmoid(everything.early["complaint"].astype(float))
    bound = float(np.median(early))
    picky = predictor(
        tiny_folder, tmp_path, complaint_below=0.0, complaint_above=max(bound, 0.5), sentiment_above=0.0
    )
    outputs = picky.outputs(TEXTS)
    assert 0 < outputs.asked.sum() < len(TEXTS)
    for head in outputs.top:
        np.testing.assert_allclose(
            outputs.top[head][outputs.asked], everything.top[head][outputs.asked], atol=1e-4
        )
    said = [verdict.complaint for verdict in picky.predict(TEXTS)]
    top = sigmoid(everything.top["complaint"].astype(float))
    assert said == pytest.approx(np.where(outputs.asked, top, early).tolist(), abs=1e-4)


def test_a_threshold_moved_beyond_the_bounds_makes_nothing_sure(tiny_folder: Path, tmp_path: Path) -> None:
    eager = predictor(tiny_folder, tmp_path, complaint_below=0.5, complaint_above=0.5, sentiment_above=0.0)
    moved = OnnxPredictor(
        tmp_path / "weights", eager.manifest.with_thresholds(complaint_threshold=1.0, look_threshold=0.0)
    )
    assert moved.outputs(TEXTS).asked.all()


def said(complaint: np.ndarray, positive: np.ndarray) -> Said:
    nothing = np.zeros_like(complaint)
    return Said(complaint, nothing, nothing, np.stack([1 - positive, nothing, positive], axis=1))


def test_the_bounds_keep_the_promised_share_of_disagreement() -> None:
    chance = np.random.default_rng(3)
    truth = chance.normal(0, 3, 4_000)
    early = said(sigmoid(truth + chance.normal(0, 1, 4_000)), sigmoid(truth))
    top = said(sigmoid(truth), sigmoid(truth + chance.normal(0, 0.5, 4_000)))
    bounds = fit_exit(early, top, look_threshold=0.2, complaint_threshold=0.6)
    assert 0.0 < bounds.complaint_below < 0.2
    assert 0.6 < bounds.complaint_above < 1.0
    no, yes = early.complaint < bounds.complaint_below, early.complaint > bounds.complaint_above
    assert (top.complaint[no] >= 0.2).mean() <= 2 * WRONG_SHARE
    assert (top.complaint[yes] < 0.6).mean() <= 2 * WRONG_SHARE
    assert min(no.sum(), yes.sum()) > 400


def test_heads_that_never_agree_are_never_sure() -> None:
    chance = np.random.default_rng(4)
    early, top = (said(chance.random(500), chance.random(500)) for _ in range(2))
    bounds = fit_exit(early, top, look_threshold=0.5, complaint_threshold=0.5)
    assert bounds.complaint_below == 0.0
    assert bounds.complaint_above == 1.0
    assert bounds.sentiment_above == 1.0
