"""Fits the embedding head: from what the middle of the encoder knows of a text to the base's sentence vector.

Training for tone makes the upper layers forget what a text is about, and the base model's own vectors,
which know it, lie above all twelve of its layers. A linear map from the layers between (the mean of their
states, beside the mean of the bare tokens) brings most of it back for next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel

from classifier.artifact import TOKENIZER
from classifier.fitting import padded
from classifier.network import Network
from classifier.quantise import Floats
from classifier.tokens import tokenizer_of

_BATCH = 64
_PENALTY = 1e-3
"""Of the ridge regression, relative to the features' own variance."""


@dataclass(frozen=True, slots=True)
class EmbeddingHead:
    """A linear layer from the means of the tokens and of each layer, side by side, to the sentence vector."""

    weight: Floats
    """[width, (1 + layers) * width]"""
    bias: Floats
    layers: tuple[int, ...]
    """Counted from 1."""


def fit_embedding_head(
    network: Network, base: Path, texts: Sequence[str], layers: Sequence[int], max_tokens: int
) -> EmbeddingHead:
    """Fit on normalised texts: ridge regression onto the base's mean-pooled unit vectors, centred.

    Centred because the base's vectors all point one way (a cosine of 0.8 between strangers): what parts them
    is what is left.
    """
    encoder = AutoModel.from_pretrained(base, dtype=torch.float32, add_pooling_layer=False).eval()
    features, targets = [], []
    with torch.inference_mode():
        for ids, mask in _batches(base, texts, max_tokens):
            means = network.means(ids, mask)
            features.append(torch.cat([means[layer] for layer in (0, *layers)], dim=1))
            real = mask.unsqueeze(-1).float()
            states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors = (states * real).sum(1) / real.sum(1)
            targets.append(torch.nn.functional.normalize(vectors, dim=1))
    weight, bias = _ridge(torch.cat(features).double().numpy(), torch.cat(targets).double().numpy())
    return EmbeddingHead(weight, bias, tuple(layers))


def _batches(base: Path, texts: Sequence[str], max_tokens: int) -> Iterator[tuple[Tensor, Tensor]]:
    tokenizer = tokenizer_of((base / TOKENIZER).read_bytes(), max_tokens)
    encoded = sorted((found.ids for found in tokenizer.encode_batch(list(texts))), key=len)
    for start in range(0, len(encoded), _BATCH):
        yield padded(encoded[start : start + _BATCH])


def _ridge(features: np.ndarray, targets: np.ndarray) -> tuple[Floats, Floats]:
    targets = targets - targets.mean(axis=0)
    centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - centre) / spread
    gram = scaled.T @ scaled + _PENALTY * len(scaled) * np.eye(scaled.shape[1])
    weight = (np.linalg.solve(gram, scaled.T @ targets) / spread[:, None]).T
    return weight.astype(np.float32), (-weight @ centre).astype(np.float32)
