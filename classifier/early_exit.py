"""The two depths' answers as one: when the early heads are sure, and how that was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classifier.artifact import Calibration, EarlyExit, Manifest
from classifier.calibration import Array, Platt, sigmoid, softmax
from classifier.quantise import Floats

Flags = NDArray[np.bool_]

WRONG_SHARE = 0.005
"""Of the texts that the early heads answer, the share whose complaint decision the top would have reversed,
at most, on each side; of the sentiments, four times as many."""
_LEAST = 40
"""Fewer texts beyond a bound prove nothing about it."""


class Depths(Protocol):
    """What both depths said, see `classifier.predictor.Outputs`."""

    @property
    def early(self) -> dict[str, Floats]: ...

    @property
    def top(self) -> dict[str, Floats]: ...

    @property
    def asked(self) -> Flags: ...


@dataclass(frozen=True, slots=True)
class Said:
    """Probabilities for n texts, each from the deepest layer that was asked."""

    complaint: Array
    anger: Array
    abuse: Array
    sentiment: Array
    """[n, 3]"""


def probabilities(calibration: Calibration, logits: Mapping[str, Floats]) -> Said:
    """One depth's logits by head as probabilities."""
    platt = Platt(calibration.complaint_scale, calibration.complaint_bias)
    return Said(
        complaint=platt.probabilities(logits["complaint"].astype(np.float64)),
        anger=sigmoid(logits["anger"].astype(np.float64)),
        abuse=sigmoid(logits["abuse"].astype(np.float64)),
        sentiment=softmax(logits["sentiment"].astype(np.float64) / calibration.sentiment_temperature),
    )


def is_sure(manifest: Manifest, early: Mapping[str, Floats]) -> Flags:
    """For which texts the early heads' logits are the answer, [n]."""
    said, bounds = probabilities(manifest.early, early), manifest.exit
    # An operator's threshold may lie beyond what the fit knew of: nothing near it is sure.
    below = min(bounds.complaint_below, manifest.look_threshold)
    above = max(bounds.complaint_above, manifest.complaint_threshold)
    decided = (said.complaint < below) | (said.complaint > above)
    return np.asarray(decided & (said.sentiment.max(axis=1) > bounds.sentiment_above))


def final(manifest: Manifest, outputs: Depths) -> Said:
    """Each text's probabilities from the top where it was asked, and from the early heads elsewhere."""
    early, top = probabilities(manifest.early, outputs.early), probabilities(manifest.top, outputs.top)
    asked = outputs.asked
    return Said(
        complaint=np.where(asked, top.complaint, early.complaint),
        anger=np.where(asked, top.anger, early.anger),
        abuse=np.where(asked, top.abuse, early.abuse),
        sentiment=np.where(asked[:, None], top.sentiment, early.sentiment),
    )


def fit_exit(early: Said, top: Said, *, look_threshold: float, complaint_threshold: float) -> EarlyExit:
    """The widest bounds beyond which the early heads agree with the top but for `WRONG_SHARE` of the texts.

    Takes both depths' probabilities for the same unlabelled texts: the top's word is the truth here.
    """
    below = _widest(early.complaint, top.complaint >= look_threshold, look_threshold, WRONG_SHARE)
    above = 1.0 - _widest(
        1.0 - early.complaint, top.complaint < complaint_threshold, 1.0 - complaint_threshold, WRONG_SHARE
    )
    differs = early.sentiment.argmax(axis=1) != top.sentiment.argmax(axis=1)
    sentiment = 1.0 - _widest(1.0 - early.sentiment.max(axis=1), differs, 1.0, 4 * WRONG_SHARE)
    return EarlyExit(below, above, sentiment)


def _widest(values: Array, wrong: Flags, limit: float, share: float) -> float:
    """The highest bound up to `limit` below which at most `share` of the texts are wrong; 0 for none."""
    order = np.argsort(values)
    ranked, errors = values[order], np.cumsum(wrong[order])
    count = np.arange(1, len(values) + 1)
    fine = np.flatnonzero((errors <= share * count) & (count >= _LEAST) & (ranked < limit))
    return float(ranked[fine[-1]]) if len(fine) else 0.0
