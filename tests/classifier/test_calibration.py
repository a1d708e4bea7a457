"""Calibration finds back what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.calibration import (
    Platt,
    best_f1_threshold,
    fit_platt,
    fit_temperature,
    recall_threshold,
    sigmoid,
    softmax,
)


def test_platt_scaling_recovers_the_distortion() -> None:
    chance = np.random.default_rng(0)
    true_logits = chance.normal(0, 2, 20_000)
    truth = (chance.random(20_000) < sigmoid(true_logits)).astype(float)
    fitted = fit_platt(true_logits * 3 + 1, truth)
    assert fitted.scale == pytest.approx(1 / 3, abs=0.02)
    assert fitted.bias == pytest.approx(-1 / 3, abs=0.06)


def test_platt_scaling_ends_on_a_perfectly_parted_sample() -> None:
    fitted = fit_platt(np.array([-5.0, -4.0, 4.0, 5.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert 0 < fitted.scale < 10
    assert Platt(1.0, 0.0).probabilities(np.array([0.0])) == pytest.approx(0.5)


def test_temperature_recovers_over_confidence() -> None:
    chance = np.random.default_rng(1)
    logits = chance.normal(0, 1.5, (20_000, 3))
    truth = (chance.random((20_000, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(logits * 2, truth) == pytest.approx(2.0, rel=0.05)


def test_extreme_logits_stay_finite() -> None:
    assert np.isfinite(sigmoid(np.array([-1e4, 1e4]))).all()
    assert np.isfinite(softmax(np.array([[1e4, -1e4, 0.0]]))).all()


def test_the_best_threshold_is_as_good_as_the_best_by_labels() -> None:
    chance = np.random.default_rng(2)
    probabilities = chance.beta(0.4, 0.9, 20_000)
    truth = chance.random(20_000) < probabilities
    reached = macro_f1(probabilities >= best_f1_threshold(probabilities), truth)
    best = max(macro_f1(probabilities >= value, truth) for value in np.linspace(0.02, 0.98, 97))
    assert reached == pytest.approx(best, abs=0.003)


@pytest.mark.parametrize("probabilities", [[0.7], [0.2, 0.2], [0.0, 1.0], [0.5, 0.5, 0.5]])
def test_a_threshold_is_found_for_any_few_probabilities(probabilities: list[float]) -> None:
    assert 0.0 <= best_f1_threshold(np.array(probabilities)) <= 1.0


def macro_f1(predicted: np.ndarray, truth: np.ndarray) -> float:
    scores = []
    for side in (True, False):
        hits = ((predicted == side) & (truth == side)).sum()
        scores.append(2 * hits / ((predicted == side).sum() + (truth == side).sum()))
    return float(np.mean(scores))


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.97])
def test_the_look_threshold_keeps_the_recall_and_no_more(recall: float) -> None:
    chance = np.random.default_rng(0)
    probabilities = sigmoid(chance.normal(-1, 2, 50_000))
    complaints = probabilities[chance.random(50_000) < probabilities]
    assert (complaints >= recall_threshold(probabilities, recall)).mean() == pytest.approx(recall, abs=0.005)


def test_the_look_threshold_misses_none_where_none_may_be_missed() -> None:
    probabilities = np.array([0.3, 0.1, 0.9])
    assert recall_threshold(probabilities, 1.0) == 0.1


def test_one_label_does_not_move_the_look_threshold_far() -> None:
    """A calm post or two more leave it where it was."""
    probabilities = np.concatenate([np.linspace(0.02, 0.1, 200), np.linspace(0.6, 0.99, 180)])
    moved = recall_threshold(np.append(probabilities, [0.03, 0.04]), 0.97)
    assert moved == pytest.approx(recall_threshold(probabilities, 0.97), abs=0.005)
