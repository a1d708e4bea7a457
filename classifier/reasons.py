"""Finds what a complaint is about: the reason whose sentences are nearest to it in meaning, without labels.

A reason is a sentence and a few examples. Their vectors come from the same predictor as the posts', so a
reason in words of one language is found in the others that the encoder knows, and an operator who adds one
need not train anything. Measured by `answerback evaluate` on the field `reason`.
"""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.annotation import PLAIN, POSTS
from classifier.reason_vectors import Vector, digest
from desk.model.reason import OTHER
from desk.model.verdict import Verdict
from desk.ports import Predictor

Vectors = NDArray[np.float32]

_WORD = re.compile(r"[^\W_]")
_GENERAL = Path(__file__).parent / "reasons.toml"
_NEAREST = 10
"""Sentences of a reason that count towards a post: few are chance, all of them blur the reason. With the
writers of our own 4,900 posts held back in eight groups, 3, 5, 10 and 20 find 60.2, 62.2, 62.8 and 62.1 % of
the reasons."""
_SPREAD_SHARE = 0.5
"""How much of the spread inside reasons is evened out; the rest is taken for the same in all directions.
Sentences on one matter differ by language, trade and wording, and those differences must not part posts.
Measured likewise, 0.2, 0.4, 0.6 and 0.8 find 61.5, 62.8, 63.1 and 62.6 %."""
_HANDICAP = 0.05
"""What `OTHER` must be nearer than any reason: it is near to everything that is said in anger."""
_STANDING = 3.0
"""Standard deviations above what a reason scores for strange sentences, from which an operator's is named
if no general one stands far higher. Bare nearness would favour the general reasons: the best of hundreds
of sentences are near to anything, an operator's two or three are not."""
_FEW = 3
"""Sentences of a reason that count towards its standing: an operator gives few, and like is compared with
like. By ten, a general reason stood hardly higher for "my parcel is late" than one of parcel lockers did."""
_PREFERENCE = 2.0
"""How much higher a general reason may stand than an operator's, which is the more particular one. For a
locker that does not open and a wheelchair that cannot get in, any from 1 to 2 takes one of 970 posts of ours
from the general reasons that they have."""
_BACKGROUND = 500
"""About so many sentences, evenly taken, tell what each reason usually scores."""
_FLOOR = 0.1
"""Least score with which a reason is named."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that customers complain about."""

    name: str
    sentence: str
    examples: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        return (self.sentence, *self.examples)


def general_reasons() -> tuple[Reason, ...]:
    """The reasons of every trade, with `OTHER` for what has none.

    Their examples are those of `reasons.toml` and, after them, the posts of our own that have a reason.
    """
    rows = tomllib.loads(_GENERAL.read_text(encoding="utf-8"))["reasons"]
    posts = [
        json.loads(line) for path in (POSTS, PLAIN) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return tuple(
        Reason(
            row["name"],
            row["sentence"],
            tuple(
                dict.fromkeys(
                    (*row["examples"], *(post["text"] for post in posts if post.get("reason") == row["name"]))
                )
            ),
        )
        for row in rows
    )


class Matcher:
    """Compares vectors of posts with those of the reasons' sentences."""

    def __init__(self, reasons: Sequence[Reason], vectors: Vectors, named: int = 0) -> None:
        """`vectors` [sentences, width] are those of all reasons' sentences, in order.

        The last `named` reasons are an operator's.
        """
        self._general = len(reasons) - named
        self._names = tuple(reason.name for reason in reasons)
        counts = [len(reason.sentences) for reason in reasons]
        self._owner = np.repeat(np.arange(len(reasons)), counts)
        self._ends = np.cumsum(counts)
        # The mean of all sentences is what they share; what is left tells them apart.
        self._centre = vectors.mean(axis=0)
        self._evened = _evening(vectors - self._centre, self._owner, [name != OTHER for name in self._names])
        self._sentences = self._placed(vectors)
        self._background = self._reckon_background() if named else None

    def match(self, vectors: Vectors) -> list[tuple[str, float]]:
        """The best reason and its score for each vector [n, width]; an empty name where none fits."""
        if not len(vectors):
            return []
        nearness = self._placed(vectors) @ self._sentences.T
        of_all = [self._of_all(row) for row in self._scores(nearness, _NEAREST)]
        if self._background is None:
            return of_all
        own = (self._own(row, self._background) for row in self._scores(nearness, _FEW))
        return [particular or general for particular, general in zip(own, of_all, strict=True)]

    def _own(self, scores: Vectors, background: tuple[Vectors, Vectors]) -> tuple[str, float] | None:
        """The operator's reason that stands out, if one does."""
        usual, spread = background
        standings = (scores - usual) / spread
        best = self._general + int(standings[self._general :].argmax())
        highest = standings[: self._general].max(initial=-np.inf)
        stands_out = standings[best] >= max(_STANDING, highest - _PREFERENCE)
        return (self._names[best], float(scores[best])) if stands_out else None

    def _of_all(self, scores: Vectors) -> tuple[str, float]:
        """The nearest general reason, or none."""
        scores = scores[: self._general] - _HANDICAP * (np.array(self._names[: self._general]) == OTHER)
        best = int(scores.argmax())
        name, score = self._names[best], float(scores[best])
        return (name if name != OTHER and score >= _FLOOR else ""), score

    def _scores(self, nearness: Vectors, nearest: int) -> Vectors:
        """How near each text [n, sentences] is to the nearest sentences of each reason, [n, reasons]."""
        scores = np.empty((len(nearness), len(self._names)), dtype=np.float32)
        for place, own in enumerate(np.split(nearness, self._ends[:-1], axis=1)):
            count = min(nearest, own.shape[1])
            scores[:, place] = np.partition(own, -count, axis=1)[:, -count:].mean(axis=1)
        return scores

    def _reckon_background(self) -> tuple[Vectors, Vectors]:
        """Mean and standard deviation of each reason's score by few over sentences of the others."""
        step = max(1, len(self._sentences) // _BACKGROUND)
        scores = self._scores(self._sentences[::step] @ self._sentences.T, _FEW)
        owner = self._owner[::step]
        strange = np.where(owner[:, None] == np.arange(len(self._names)), np.nan, scores)
        return np.nanmean(strange, axis=0), np.maximum(np.nanstd(strange, axis=0), 1e-6)

    def _placed(self, vectors: Vectors) -> Vectors:
        moved = (vectors - self._centre) @ self._evened
        return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9))


def _evening(vectors: Vectors, owner: NDArray[np.int64], counts: Sequence[bool]) -> Vectors:
    """The matrix [width, width] that shrinks directions in which sentences of one reason differ."""
    inside = [
        vectors[owner == place] - vectors[owner == place].mean(axis=0)
        for place, matters in enumerate(counts)
        if matters
    ]
    spread = np.concatenate(inside).astype(np.float64)
    covariance = spread.T @ spread / len(spread)
    width = len(covariance)
    level = max(float(np.trace(covariance)) / width, 1e-9)
    mixed = (1 - _SPREAD_SHARE) * level * np.eye(width) + _SPREAD_SHARE * covariance
    values, axes = np.linalg.eigh(mixed)
    return np.asarray((axes / np.sqrt(values)) @ axes.T, dtype=np.float32)


class WithReasons:
    """A predictor whose verdicts also name a reason; safe to call from several threads."""

    def __init__(
        self,
        predictor: Predictor,
        named: Sequence[Reason] = (),
        stored: Callable[[], Mapping[int, Vector]] = dict,
    ) -> None:
        """`named` are the operator's reasons; one with a general reason's name replaces that.

        `stored` gives vectors that the predictor need not make again, by the digest of their sentence.
        """
        self._own = {reason.name for reason in named}
        general = (reason for reason in general_reasons() if reason.name not in self._own)
        self._reasons = (*general, *named)
        self._predictor = predictor
        self._stored = stored
        self._matcher: Matcher | None = None
        self._making = threading.Lock()

    @property
    def version(self) -> str:
        """The version of the weights."""
        return self._predictor.version

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict a text, in order, its reason named. Raises what the wrapped predictor raises."""
        verdicts = self._predictor.predict(texts, langs)
        if not verdicts:
            return verdicts
        found = self._ready().match(_vectors(verdicts))
        return [
            # A post without a word is about nothing, wherever its vector lies.
            replace(verdict, reason=name, reason_score=score) if _WORD.search(text) else verdict
            for text, verdict, (name, score) in zip(texts, verdicts, found, strict=True)
        ]

    def _ready(self) -> Matcher:
        """Sentences are read at the first post, when the weights are loaded as well."""
        with self._making:
            if self._matcher is None:
                self._matcher = Matcher(self._reasons, self._sentence_vectors(), len(self._own))
            return self._matcher

    def _sentence_vectors(self) -> Vectors:
        sentences = [sentence for reason in self._reasons for sentence in reason.sentences]
        known = dict(self._stored())
        unknown = [sentence for sentence in sentences if digest(sentence) not in known]
        for sentence, vector in zip(unknown, _vectors(self._predictor.predict(unknown)), strict=True):
            known[digest(sentence)] = vector.astype(np.float16)
        return np.stack([known[digest(sentence)] for sentence in sentences]).astype(np.float32)


def _vectors(verdicts: Sequence[Verdict]) -> Vectors:
    if not verdicts:
        return np.empty((0, 0), dtype=np.float32)
    return np.stack([np.frombuffer(verdict.embedding, dtype="<f2") for verdict in verdicts]).astype(
        np.float32
    )
