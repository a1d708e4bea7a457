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
HELD_OUT = FOLDER / "held_out.jsonl"
"""Posts of our own writing that are only measured on."""
HELD_OUT_PLAIN = FOLDER / "held_out_plain.jsonl"
"""The same for plain ones."""

KEY_LENGTH = 16
"""Hex digits of a fingerprint that are kept: 64 bits part a hundred thousand texts."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is added to one text of a data set."""

    complaint: float
    """0 or 1."""
    sentiment: int | None = None
    """-1, 0 or 1; None where nobody said."""


@cache
def all_annotations() -> Mapping[tuple[str, str], Annotation]:
    """All annotations by source and the first `KEY_LENGTH` digits of the text's fingerprint."""
    found = {}
    with gzip.open(FOLDER / "labels.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            found[row["source"], row["key"]] = Annotation(row["complaint"], row.get("sentiment"))
    return found
