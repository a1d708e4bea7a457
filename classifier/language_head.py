"""Fits the language head: logistic regression on the mean of a text's token embeddings.

The token table is frozen, so nothing here touches the encoder, and ten thousand texts fit in seconds.
Every text is shown twice, whole and as a few words of it: trained on whole posts alone, the head took
"hello" and "ok" for romanised Hindi.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from classifier.labels import LANGUAGES
from classifier.quantise import Floats, Nibbles, Scales, dequantise_rows

_STEPS = 60
_PENALTY = 1e-5


@dataclass(frozen=True, slots=True)
class LanguageHead:
    """A linear layer from the bag of token embeddings to `LANGUAGES`."""

    weight: Floats
    """[len(LANGUAGES), width]"""
    bias: Floats


def bag_of_tokens(texts: Sequence[str], tokenizer: Tokenizer, nibbles: Nibbles, scales: Scales) -> Floats:
    """Return the mean token embedding of each normalised text, [n, width]; same as the graph's `bag`."""
    bags = np.empty((len(texts), nibbles.shape[1] * 2), dtype=np.float32)
    for row, found in enumerate(tokenizer.encode_batch(list(texts))):
        bags[row] = dequantise_rows(nibbles[found.ids], scales[found.ids]).mean(axis=0)
    return bags


def glimpse(text: str, chance: random.Random) -> str:
    """Return one to six words in a row of a text."""
    words = text.split()
    count = chance.randint(1, 6)
    start = chance.randrange(max(1, len(words) - count + 1))
    return " ".join(words[start : start + count])


def fit_language_head(bags: Floats, languages: Sequence[str], seed: int) -> LanguageHead:
    """Fit on bags [n, width] and their ISO codes.

    Languages weigh by their rows: balancing them made English with a name or two Hindi.
    """
    torch.manual_seed(seed)
    features = torch.from_numpy(bags)
    # Unit variance makes the problem round for the optimiser; it is folded back into the weights below.
    centre, spread = features.mean(0), features.std(0) + 1e-6
    scaled = (features - centre) / spread
    truth = torch.tensor([LANGUAGES.index(code) for code in languages])
    weight = torch.zeros(len(LANGUAGES), bags.shape[1], requires_grad=True)
    bias = torch.zeros(len(LANGUAGES), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = functional.cross_entropy(scaled @ weight.T + bias, truth)
        loss = loss + _PENALTY * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        folded = weight / spread
        return LanguageHead(folded.numpy(), (bias - folded @ centre).numpy())
