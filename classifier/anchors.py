"""What a network's sentence vectors are before it is trained, and what training keeps them near.

Training for tone makes the upper layers forget what a text is about, and the base model knows it. So the map
from several layers to the sentence vector is learned along, on every text, whatever it is labelled with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.kept import Arrays, kept_arrays
from classifier.network import Network, padded
from classifier.progress import Progress

Lessons = Mapping[str, Sequence[int]]
"""Token ids by normalised text; at least one."""

_BATCH = 64
"""Texts asked at once."""
_TOLD_BATCHES = 50
_ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Anchors:
    """A direction for each text."""

    rows: dict[str, int]
    """Row of `directions` by normalised text."""
    directions: Tensor
    """[texts, width], float32, unit length."""
    digest: str
    """Of the network and the texts that they are from."""

    def of(self, texts: Sequence[str]) -> Tensor:
        """Return the directions of some of the texts in their order, [batch, width]."""
        return self.directions[[self.rows[text] for text in texts]]


def base_anchors(network: Network, lessons: Lessons, kept: Path, progress: Progress) -> Anchors:
    """Give an untrained base the map to its own vectors, and return those.

    They are the means of its top states less their mean over all texts: they all point one way (a cosine of
    0.8 between strangers), and what parts them is what is left. The file `kept` holds what was asked.
    """
    digest = _digest(network, (network.encoder,), lessons)
    means = _answers(kept, digest, network, lessons, lambda ids, mask: network.means(ids, mask)[-1], progress)
    centre = means.mean(0)
    network.start_vectors(centre)
    return Anchors(_rows(lessons), functional.normalize(means - centre, dim=1), digest)


def own_anchors(network: Network, lessons: Lessons, kept: Path, progress: Progress) -> Anchors:
    """Return the vectors of a network that was trained before.

    The file `kept` holds what was asked.
    """
    digest = _digest(network, (network.encoder, network.embedding), lessons)
    vectors = _answers(kept, digest, network, lessons, lambda ids, mask: network(ids, mask).vectors, progress)
    return Anchors(_rows(lessons), functional.normalize(vectors, dim=1), digest)


def _rows(lessons: Lessons) -> dict[str, int]:
    return {text: row for row, text in enumerate(lessons)}


def _digest(network: Network, asked: Sequence[nn.Module], lessons: Lessons) -> str:
    """`asked` are the parts of the network on which its answers depend."""
    shape = (network.encoder.config.to_json_string(), network.merges, network.embedding_layers)
    digest = hashlib.sha256(f"{shape}".encode())
    for part in asked:
        for value in part.state_dict().values():
            digest.update(value.numpy().tobytes())
    for text, ids in lessons.items():
        digest.update(f"{text}\n{ids}\n".encode())
    return digest.hexdigest()


def _answers(
    kept: Path,
    digest: str,
    network: Network,
    lessons: Lessons,
    answer: Callable[[Tensor, Tensor], Tensor],
    progress: Progress,
) -> Tensor:
    """What it answers to each text, [texts, width], or answered when it was asked before."""

    def ask() -> Arrays:
        return {_ANSWERS: _asked(network, lessons, answer, progress).numpy().astype(np.float16)}

    return torch.from_numpy(kept_arrays(kept, digest, ask)[_ANSWERS].astype(np.float32))


def _asked(
    network: Network, lessons: Lessons, answer: Callable[[Tensor, Tensor], Tensor], progress: Progress
) -> Tensor:
    """What it answers to each text, [texts, width], float32."""
    ids = list(lessons.values())
    # Longest first, so that the time left is no more than what is shown.
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
    answers = torch.empty(len(ids), network.encoder.config.hidden_size)
    network.eval()
    with torch.inference_mode():
        for number, start in enumerate(range(0, len(order), _BATCH), start=1):
            rows = order[start : start + _BATCH]
            answers[rows] = answer(*padded([ids[row] for row in rows]))
            done = start + len(rows)
            if number % _TOLD_BATCHES == 0 or done == len(order):
                progress({"kind": "vectors", "texts": done, "of": len(order)})
    return answers
