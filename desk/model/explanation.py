"""Which words of a post moved the classifier's decision, and which way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 6
_SHARE = 0.33
"""Of the strongest word's weight: what is weaker is noise beside it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A word, or a few in a row, by its place in the post's text."""

    start: int
    end: int
    """In code points; `text[start:end]` is what was left out to see what it does."""
    weight: float
    """Log-odds that it adds to "complaint"; below 0 it speaks against."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All words that were weighed, in the text's order."""

    words: tuple[Moved, ...]
    model: str
    """Version of the weights that were asked."""

    @property
    def telling(self) -> tuple[Moved, ...]:
        """The few that matter most, strongest first."""
        ranked = sorted(self.words, key=lambda word: -abs(word.weight))[:_SHOWN]
        strongest = abs(ranked[0].weight) if ranked else 0.0
        return tuple(word for word in ranked if word.weight and abs(word.weight) >= _SHARE * strongest)


def quoted(text: str, words: Sequence[Moved]) -> list[str]:
    """The words themselves, of the text that was explained."""
    return [text[word.start : word.end] for word in words]
