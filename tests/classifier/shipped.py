"""What tests ask of the shipped weights without depending on one version's opinion of one sentence."""

from __future__ import annotations

from functools import cache

from classifier import load_predictor
from classifier.annotation import HELD_OUT
from classifier.artifact import QUICK, SHIPPED
from classifier.data import read_rows


@cache
def calm_post() -> str:
    """The English post, of some that are no complaints, that the shipped quick model is surest of."""
    texts: list[str] = [
        row["text"] for row in read_rows(HELD_OUT) if row["lang"] == "en" and not row["complaint"]
    ]
    verdicts = load_predictor(SHIPPED / QUICK).predict(texts)
    return min(zip(texts, verdicts, strict=True), key=lambda pair: pair[1].complaint)[0]
