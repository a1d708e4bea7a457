"""What this project's own annotators say of texts in the data sets, kept apart from the texts.

A data set stays where it is and is not copied: a label names its source and the fingerprint of its text.
`annotations/README.md` has the guideline and who labelled.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "annotations"
POSTS = FOLDER / "posts.jsonl"
"""Posts of our own writing to learn from, most of them hard."""
PLAIN = FOLDER / "plain.jsonl"
"""Such posts without anything hard about them but that they are calm, complaints or not."""
TWEETS = FOLDER / "tweets.jsonl.gz"
"""Tweets of our own invention in the manner of the data sets, each with a grade."""
NEAR = FOLDER / "near.jsonl.gz"
"""Tweets that were each written beside a text of the data sets, many of them near it with the other label;
each has a grade of sentiment and one of complaint."""
HELD_OUT = FOLDER / "held_out.jsonl"
"""Posts of our own writing that are only measured on."""
HELD_OUT_PLAIN = FOLDER / "held_out_plain.jsonl"
"""The same for plain ones."""

KEY_LENGTH = 16
"""Hex digits of a fingerprint that are kept: 64 bits part a hundred thousand texts."""


SENTIMENT_GRADES: Mapping[str, tuple[float, float, float]] = {
    "N": (0.93, 0.06, 0.01),
    "n": (0.65, 0.28, 0.07),
    "0": (0.12, 0.74, 0.14),
    "p": (0.05, 0.30, 0.65),
    "P": (0.01, 0.09, 0.90),
}
"""Shares of negative, neutral and positive by what a reader calls a text: clearly or rather negative,
neutral, rather or clearly positive. They are what the labels of sentiment_xlmt's training split say of such
texts, counted in six languages."""
COMPLAINT_GRADES: Mapping[str, float] = {"C": 0.98, "c": 0.82, "o": 0.28, "O": 0.04}
"""How likely a complaint is what a reader calls clearly one, rather one, rather none, clearly none. Counted
in complaints_en's training split."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is added to one text of a data set."""

    complaint: float | None = None
    """0 or 1; a probability where it was graded; None where nobody said."""
    sentiment: int | None = None
    """-1, 0 or 1; None where nobody said."""
    feeling: tuple[float, float, float] | None = None
    """Shares of negative, neutral and positive where sentiment was graded."""


@cache
def all_annotations() -> Mapping[tuple[str, str], Annotation]:
    """All annotations by source and the first `KEY_LENGTH` digits of the text's fingerprint."""
    found = {}
    with gzip.open(FOLDER / "labels.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            found[row["source"], row["key"]] = Annotation(
                COMPLAINT_GRADES.get(row.get("complaint_grade"), row.get("complaint")),
                row.get("sentiment"),
                SENTIMENT_GRADES.get(row.get("sentiment_grade")),
            )
    return found
