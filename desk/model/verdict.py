"""What the classifier says about one mention."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Probabilities of the three classes; they sum to 1."""

    negative: float
    neutral: float
    positive: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One forward pass over one text, with the version of the model that made it."""

    complaint: float
    """Calibrated probability that the text is a complaint, 0 to 1."""
    is_complaint: bool
    """`complaint` reached the model's decision threshold."""
    needs_look: bool
    """Below the decision threshold but above the recall threshold: a person should look."""
    sentiment: Sentiment
    language: str
    """ISO 639-1 code, or "und" where the text does not tell."""
    model: str
    """Version of the weights, for example "answerback-12l-2026.11"."""
    embedding: bytes
    """Unit-length sentence vector as little-endian float16; its dimension is the model's (384)."""
    anger: float = 0.0
    """Probability that the text is angry."""
    abuse: float = 0.0
    """Probability that the text is abusive. Shown to agents; nobody is ignored for it."""
    reason: str = ""
    """What it is about, by the name of a reason ("delay"); empty where no reason fits well enough."""
    reason_score: float = 0.0
    """How well the reason fits: a cosine above the mean, comparable within one model only."""

    @property
    def is_sound(self) -> bool:
        """Whether its figures are numbers; those of a computation that broke are not."""
        mood = self.sentiment
        others = (mood.negative, mood.neutral, mood.positive, self.anger, self.abuse, self.reason_score)
        return 0.0 <= self.complaint <= 1.0 and all(map(math.isfinite, others))


UNREAD = Verdict(0.0, False, True, Sentiment(0.0, 0.0, 0.0), "und", model="", embedding=b"")
"""Stands for the verdict on a post that the classifier fails on: a person should look. Never stored."""
