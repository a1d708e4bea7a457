"""Reads the labelled data sets and turns them into training examples.

A data set is a gzipped file of JSON lines. Which of its rows belong to training, validation or test
follows from the text alone, so near-identical texts never straddle a split, in one file or across files.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from classifier.annotation import KEY_LENGTH, Annotation, all_annotations
from classifier.fields import fault_of
from classifier.labels import CLASS_HEADS, LANGUAGES, SENTIMENT_INDEX, UNDETERMINED
from classifier.text import fingerprint, normalise
from desk.errors import DeskError

Split = Literal["train", "validation", "test"]
Row = dict[str, Any]

LABELLED = "complaints_en"
"""The one source whose complaint labels were given by people to posts of every kind."""
TEST_PERCENT = 15
VALIDATION_PERCENT = 12


class DataError(DeskError):
    """A data set is missing or a row of it cannot be read."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a head learns from one text."""

    shares: tuple[float, ...]
    """Probabilities: one of a binary head, one a label of the others."""
    weight: float
    """0 where nothing is known."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text with what is known about it; a head learns nothing from a None."""

    text: str
    """Normalised."""
    language: str
    source: str
    complaint: float | None = None
    """Target probability: 0, 1, or between them for a weak label."""
    complaint_weight: float = 1.0
    anger: float | None = None
    abuse: float | None = None
    sentiment: int | None = None
    """Index into `SENTIMENTS`."""
    sentiment_weight: float = 1.0
    feeling: tuple[float, float, float] | None = None
    """Shares of `SENTIMENTS` that a reader gave; beside a label, the target is halfway between them."""
    polar: bool = False
    """The source has no neutral label, so the neutral output takes no part in the loss."""
    reason: int | None = None
    """Index into `REASONS`."""

    def target(self, head: str) -> Target:
        """What the head should say."""
        label = getattr(self, head)
        if head == "sentiment" and self.feeling is not None:
            shares = self.feeling if label is None else _halfway(label, self.feeling)
            return Target(shares, self.sentiment_weight)
        if head in CLASS_HEADS:
            shares = tuple(float(place == label) for place in range(CLASS_HEADS[head]))
        else:
            shares = (label or 0.0,)
        weight = getattr(self, f"{head}_weight", 1.0)
        return Target(shares, 0.0 if label is None else weight)


def _halfway(label: int, feeling: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((share + (place == label)) / 2 for place, share in enumerate(feeling))


@dataclass(frozen=True, slots=True)
class Source:
    """How one data set is used in training."""

    name: str
    label: Callable[[Example, Row, random.Random], Example | None]
    repeat: int = 1
    """How often each text is shown; at 0 only in a later pass that asks for it."""
    limit: int | None = None
    """At most so many rows of the training split, chosen by the seed."""
    file: Path | None = None
    """Where it lies, if not in the folder of the data sets under its name."""
    tested_elsewhere: bool = False
    """Its test texts are another file, so those of its own that would be tested are learned from as well."""
    balance: float = 0.0
    """How far rare sentiments are made up for in training; at 1 all weigh the same in sum."""

    def path(self, folder: Path) -> Path:
        return self.file or folder / f"{self.name}.jsonl.gz"

    def split_of(self, key: str) -> Split:
        """The split of a text with this fingerprint."""
        split = _split_of_fingerprint(key)
        return "train" if split == "test" and self.tested_elsewhere else split


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a gzipped (or plain) file of JSON lines; raise `DataError` with file and line."""
    if not path.is_file():
        raise DataError(f"{path}: no such data set. Name the folder that holds the .jsonl.gz files.")
    number = 0
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as lines
        ):
            for number, line in enumerate(lines, start=1):
                yield _row(line, f"{path}, line {number}")
    except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read after line {number} ({error}).") from error


def _row(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON ({error}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise DataError(f"{place}: expected an object with a text.")
    fault = fault_of(row)
    if fault is not None:
        raise DataError(f"{place}: {fault}.")
    return row


def split_of(text: str) -> Split:
    """Return the split of a text: 15 % test, 12 % validation, the rest training."""
    return _split_of_fingerprint(fingerprint(text))


def _split_of_fingerprint(key: str) -> Split:
    bucket = int(key[:8], 16) % 100
    if bucket < TEST_PERCENT:
        return "test"
    return "validation" if bucket < TEST_PERCENT + VALIDATION_PERCENT else "train"


def load_examples(folder: Path, sources: tuple[Source, ...], split: Split, seed: int) -> list[Example]:
    """Read every source's examples of one split, each distinct text once per source, in file order."""
    return [example for source in sources for example in _load_source(folder, source, split, seed)]


def _load_source(folder: Path, source: Source, split: Split, seed: int) -> list[Example]:
    chance = random.Random(f"{seed}:{source.name}")  # noqa: S311 -- samples, not secrets
    seen: set[str] = set()
    examples: list[Example] = []
    read: set[int] = set()
    path = source.path(folder)
    for number, row in enumerate(read_rows(path), start=1):
        key = fingerprint(row["text"])
        if key in seen or source.split_of(key) != split:
            continue
        seen.add(key)
        language = row.get("lang")
        known = language if language in LANGUAGES else UNDETERMINED
        blank = Example(text=row["text"], language=known, source=source.name)
        example = _labelled(source, blank, row, chance, f"{path}, line {number}")
        note = all_annotations().get((source.name, key[:KEY_LENGTH]))
        if note is not None:
            example = _annotated(example or blank, note)
            read.add(len(examples))
        if example is not None:
            examples.append(replace(example, text=normalise(example.text)))
    if split == "train" and source.limit is not None and len(examples) > source.limit:
        # A text that somebody read is worth more than one of which a source's label is all that is known.
        rest = [place for place in range(len(examples)) if place not in read]
        if len(read) > source.limit:
            some = set(chance.sample(sorted(read), source.limit))
        else:
            some = {*read, *chance.sample(rest, source.limit - len(read))}
        examples = [example for place, example in enumerate(examples) if place in some]
    return _balanced(examples, source.balance) if split == "train" and source.balance else examples


def _labelled(source: Source, blank: Example, row: Row, chance: random.Random, place: str) -> Example | None:
    # A field that is null says no more than one that is not there.
    said = {field: value for field, value in row.items() if value is not None}
    try:
        return source.label(blank, said, chance)
    except KeyError as error:
        raise DataError(
            f"{place}: no {error.args[0]}, which every row of {source.name} needs. Add it or remove the line."
        ) from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: cannot be learned from: {error}.") from error


def _balanced(examples: Sequence[Example], balance: float) -> list[Example]:
    """Let rare sentiments weigh more, `balance` as in `Source`; the weights' mean stays what it was."""
    counts = Counter(example.sentiment for example in examples if example.sentiment is not None)
    shares = {label: count**-balance for label, count in counts.items()}
    mean = sum(shares[label] * count for label, count in counts.items()) / max(1, counts.total())
    return [
        example
        if example.sentiment is None
        else replace(example, sentiment_weight=example.sentiment_weight * shares[example.sentiment] / mean)
        for example in examples
    ]


_READ_WEIGHT = 2.0
"""Most annotated texts are shown once a run, those of the set that was labelled before five times."""


def _annotated(example: Example, note: Annotation) -> Example:
    """A reader's word goes before what a source's label stood in for, and beside a label of people's."""
    known = replace(example, feeling=note.feeling)
    if note.complaint is not None and example.source == LABELLED:
        known = replace(known, complaint=(note.complaint + (example.complaint or 0.0)) / 2)
    elif note.complaint is not None:
        known = replace(known, complaint=note.complaint, complaint_weight=_READ_WEIGHT)
    if note.sentiment is None or example.sentiment is not None:
        return known
    return replace(known, sentiment=SENTIMENT_INDEX[note.sentiment])
