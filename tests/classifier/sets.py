"""What tests of the data sets share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from classifier.data import Example, Source, Split, load_examples
from classifier.sources import SOURCES

Write = Callable[[str, list[dict[str, object]]], Path]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def source(name: str) -> tuple[Source, ...]:
    """The one source of this name, as those who load examples take it."""
    return tuple(one for one in SOURCES if one.name == name)


def everything(folder: Path, name: str) -> list[Example]:
    """Its examples of every split."""
    return [example for split in SPLITS for example in load_examples(folder, source(name), split, seed=1)]
