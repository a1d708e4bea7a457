"""Which words moved a verdict: found by their effect, with their places in the text as it was written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.explain import MAX_CHARS, MAX_PARTS, explain
from classifier.predictor import load_predictor
from classifier.text import normalise
from desk.model.explanation import Explanation, Moved, quoted
from desk.model.verdict import Sentiment, Verdict

WEIGHTS = {"late": 2.0, "broken": 3.0, "thanks": -2.0, "!!!": 1.0, "доставка": 1.5}


class Scale:
    """Adds up the weights of the words that it knows, and levels off at `most`."""

    version = "scale"

    def __init__(self, most: float = 100.0) -> None:
        self.most = most
        self.batches: list[int] = []

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        self.batches.append(len(texts))
        return [self._one(normalise(text)) for text in texts]

    def _one(self, text: str) -> Verdict:
        odds = min(self.most, sum(weight for word, weight in WEIGHTS.items() if word in text.lower()))
        chance = 1 / (1 + math.exp(-odds))
        return Verdict(chance, chance >= 0.5, False, Sentiment(0, 1, 0), "en", self.version, b"")


def weights(text: str, explanation: Explanation) -> dict[str, float]:
    return dict(zip(quoted(text, explanation.words), [w.weight for w in explanation.words], strict=True))


def test_words_weigh_what_they_add() -> None:
    text = "@Fernway my parcel is LATE, and broken, thanks a lot!!!"
    predictor = Scale()
    found = weights(text, explain(predictor, text))
    assert found["LATE"] == pytest.approx(2.0, abs=0.4)
    assert found["broken"] == pytest.approx(3.0, abs=0.4)
    assert found["thanks"] == pytest.approx(-2.0, abs=0.4)
    assert found["!!!"] == pytest.approx(1.0, abs=0.4)
    assert all(abs(found[word]) < 0.4 for word in ("@Fernway", "my", "parcel", "a", "lot"))
    assert len(predictor.batches) == 1


def test_where_the_model_is_sure_every_word_that_made_it_so_still_counts() -> None:
    """Any one of them may go without a change; leaving out one at a time would find nothing."""
    text = "late and broken доставка, what a day it was for all of us"
    explanation = explain(Scale(most=1.5), text)
    strongest = explanation.telling[:3]
    assert set(quoted(text, strongest)) == {"late", "broken", "доставка"}
    assert all(word.weight > 0 for word in strongest)


def test_the_telling_words_are_few_and_the_strongest_first() -> None:
    words = [Moved(n, n + 1, weight) for n, weight in enumerate([0.1, -2, 1.9, 0.6, 1.2, 1.1, 1, 0.9, 0.8])]
    assert [word.weight for word in Explanation(tuple(words), "m").telling] == [-2, 1.9, 1.2, 1.1, 1, 0.9]
    assert Explanation((Moved(0, 1, 0.0),), "m").telling == ()
    assert Explanation((), "m").telling == ()


@pytest.mark.parametrize("text", ["", " \n", "\u200b"])
def test_a_text_without_words_has_none_to_weigh(text: str) -> None:
    assert not explain(Scale(), text).telling


def test_long_texts_are_weighed_in_runs_and_at_once() -> None:
    predictor = Scale()
    explanation = explain(predictor, "a b c late " * 10_000)
    assert 0 < len(explanation.words) <= MAX_PARTS
    assert explanation.words[-1].end <= MAX_CHARS
    assert len(predictor.batches) == 1


@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from("e\u0301\u202e\x1b[2J@#’-!🇩🇪👩‍🔧"), max_size=120)
)
def test_spans_lie_in_the_text_in_order_and_hold_something(text: str) -> None:
    explanation = explain(Scale(), text)
    places = [(word.start, word.end) for word in explanation.words]
    assert places == sorted(places)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(one[1] <= two[0] for one, two in pairwise(places))
    assert all(part.strip() for part in quoted(text, explanation.words))


def test_a_real_network_says_the_same_again(tiny_folder: Path) -> None:
    predictor = load_predictor(tiny_folder)
    text = "i love my bank but the phone is broken"
    explanation = explain(predictor, text, "en")
    assert explanation == explain(predictor, text, "en")
    assert explanation.model == predictor.version
    assert quoted(text, explanation.words) == text.split()
