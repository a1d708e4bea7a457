"""Fits probabilities and thresholds on held-out logits; numpy only.

A network's scores are over-confident. Two numbers for the complaint head (Platt 1999) and one for the
sentiment head (temperature: Guo et al. 2017) bring them back to observed frequencies; neither changes an
order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NEWTON_STEPS = 50
_PRIOR_STRENGTH = 1.0
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Platt:
    """Probability = sigmoid(scale · logit + bias)."""

    scale: float
    bias: float

    def probabilities(self, logits: Array) -> Array:
        """Turn logits [n] into probabilities [n]."""
        return sigmoid(self.scale * logits + self.bias)


def sigmoid(values: Array) -> Array:
    """Logistic function that does not overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def softmax(logits: Array) -> Array:
    """Softmax over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def fit_platt(logits: Array, truth: Array) -> Platt:
    """Fit by Newton's method with a weak pull towards (1, 0), so that a perfectly parted sample ends too."""
    prior = np.array([1.0, 0.0])
    features = np.stack((logits, np.ones_like(logits)), axis=1)

    def loss(point: Array) -> float:
        scores = features @ point
        misfit = np.logaddexp(0.0, scores) - truth * scores
        return float(misfit.sum() + 0.5 * _PRIOR_STRENGTH * np.square(point - prior).sum())

    point = prior
    for _ in range(_NEWTON_STEPS):
        probability = sigmoid(features @ point)
        gradient = features.T @ (probability - truth) + _PRIOR_STRENGTH * (point - prior)
        curvature = (features * (probability * (1 - probability))[:, None]).T @ features
        step = np.linalg.solve(curvature + _PRIOR_STRENGTH * np.eye(2), gradient)
        # Over-confident logits have next to no curvature and would send a full step far past the minimum.
        while loss(point - step) > loss(point) and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        point = point - step
        if np.abs(step).max() <= _TOLERANCE:
            break
    return Platt(scale=float(point[0]), bias=float(point[1]))


def fit_temperature(logits: Array, truth: NDArray[np.int64]) -> float:
    """Return the temperature in 0.25 to 4 that makes the true classes [n] likeliest, logits [n, classes]."""
    grid = np.exp(np.linspace(np.log(0.25), np.log(4.0), 400))
    rows = np.arange(len(truth))
    loss = [-np.log(softmax(logits / value)[rows, truth] + 1e-12).mean() for value in grid]
    return float(grid[int(np.argmin(loss))])


def best_f1_threshold(probabilities: Array, truth: Array) -> float:
    """Return the threshold of the best macro-F1, the middle of the range where several share it.

    A few hundred rows make a ragged curve, so it is smoothed over 0.1 before its peak is taken.
    """
    grid = np.linspace(0.05, 0.95, 181)
    scores = np.array([_macro_f1(probabilities >= value, truth > 0.5) for value in grid])
    kernel = np.ones(21) / 21
    smooth = np.convolve(np.pad(scores, 10, mode="edge"), kernel, mode="valid")
    best = np.flatnonzero(smooth >= smooth.max() - 1e-12)
    return float(grid[best[len(best) // 2]])


def recall_threshold(probabilities: Array, truth: Array, recall: float) -> float:
    """Return the highest threshold that keeps at least `recall` of the true complaints."""
    found = np.sort(probabilities[truth > 0.5])
    missed = int(np.floor((1.0 - recall) * len(found) + 1e-9))
    return float(found[missed])


def _macro_f1(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    scores = []
    for side in (True, False):
        hits = int(((predicted == side) & (truth == side)).sum())
        total = int((predicted == side).sum()) + int((truth == side).sum())
        scores.append(2 * hits / total if total else 0.0)
    return sum(scores) / 2
