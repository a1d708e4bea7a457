"""The language head learns from bags of tokens, and from glimpses of texts."""

from __future__ import annotations

import random

import numpy as np

from classifier.labels import LANGUAGES
from classifier.language_head import fit_language_head, glimpse


def test_bags_that_differ_by_language_are_told_apart() -> None:
    chance = np.random.default_rng(0)
    centres = {code: chance.normal(size=16) for code in ("de", "en", "tr")}
    codes = [code for code in centres for _ in range(100)]
    bags = np.stack([centres[code] + chance.normal(0, 0.3, 16) for code in codes]).astype(np.float32)
    head = fit_language_head(bags, codes, seed=1)
    best = (bags @ head.weight.T + head.bias).argmax(axis=1)
    assert [LANGUAGES[place] for place in best] == codes


def test_a_glimpse_is_a_few_words_in_a_row() -> None:
    chance = random.Random(4)  # noqa: S311 -- samples, not secrets
    text = " ".join(map(str, range(50)))
    for _ in range(200):
        words = [int(word) for word in glimpse(text, chance).split()]
        assert 1 <= len(words) <= 6
        assert words == list(range(words[0], words[0] + len(words)))
    assert glimpse("one", chance) == "one"
    assert glimpse("", chance) == ""
