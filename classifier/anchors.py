"""What a network says before it is trained, and what training keeps it near.

Training for tone makes the upper layers forget what a text is about, and the base model knows it. So the map
from several layers to the sentence vector is learned along, on every text, whatever it is labelled with.
Where a training goes on from another, that one's word on complaints can be learned along as well.
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
from classifier.network import Network, padded, quick_products
from classifier.progress import Progress

Lessons = Mapping[str, Sequence[int]]
"""Token ids by normalised text; at least one."""

_BATCH = 64
"""Texts asked at once."""
_TOLD_BATCHES = 50
_ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Anchors:
    """A direction for each text, and how likely a complaint it was before, where the network knew that."""

    rows: dict[str, int]
    """Row of `directions` by normalised text."""
    directions: Tensor
    """[texts, width], float32, unit length."""
    digest: str
    """Of the network and the texts that they are from."""
    chances: Tensor | None = None
    """[texts], float32, probabilities; None of a base, which knows nothing of complaints."""

    def of(self, texts: Sequence[str]) -> Tensor:
        """Return the directions of some of the texts in their order, [batch, width]."""
        return self.directions[[self.rows[text] for text in texts]]

    def complaints(self, texts: Sequence[str]) -> Tensor:
        """Return how likely each was a complaint, [batch]. Raises `ValueError` for those of a base."""
        if self.chances is None:
            raise ValueError("a base has no word on complaints")
        return self.chances[[self.rows[text] for text in texts]]


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
    """Return the vectors of a network that was trained before, and its word on complaints.

    The file `kept` holds what was asked.
    """

    def answer(ids: Tensor, mask: Tensor) -> Tensor:
        said = network(ids, mask)
        return torch.cat([said.vectors, said.top["complaint"].sigmoid().unsqueeze(1)], dim=1)

    digest = _digest(network, (network.encoder, network.embedding, network.top["complaint"]), lessons)
    said = _answers(kept, digest, network, lessons, answer, progress)
    return Anchors(_rows(lessons), functional.normalize(said[:, :-1], dim=1), digest, said[:, -1])


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
    """What it answers to each text, [texts, …], or answered when it was asked before."""

    def ask() -> Arrays:
        return {_ANSWERS: _asked(network, lessons, answer, progress).numpy().astype(np.float16)}

    return torch.from_numpy(kept_arrays(kept, digest, ask)[_ANSWERS].astype(np.float32))


def _asked(
    network: Network, lessons: Lessons, answer: Callable[[Tensor, Tensor], Tensor], progress: Progress
) -> Tensor:
    """What it answers to each text, [texts, …], float32."""
    ids = list(lessons.values())
    # Longest first, so that the time left is no more than what is shown.
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
    answers: list[Tensor] = []
    network.eval()
    with torch.inference_mode(), quick_products():
        for number, start in enumerate(range(0, len(order), _BATCH), start=1):
            rows = order[start : start + _BATCH]
            answers.append(answer(*padded([ids[row] for row in rows])).float())
            done = start + len(rows)
            if number % _TOLD_BATCHES == 0 or done == len(order):
                progress({"kind": "vectors", "texts": done, "of": len(order)})
    return torch.cat(answers)[torch.tensor(order).argsort()]
