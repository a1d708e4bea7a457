"""Reasons by the nearness of vectors, whichever predictor gives them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import regex

from classifier.predictor import load_predictor
from classifier.reasons import Reason, WithReasons, general_reasons
from desk.model.reason import GENERAL_REASONS, OTHER
from desk.model.verdict import Sentiment, Verdict

LOCKER = Reason("locker", "the locker is stuck", ("the locker says no", "locker broken"))


class WordBag:
    """A vector a text in which every word has a direction of its own; what stands in no sentence is noise."""

    version = "bag"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        self.asked.append(len(texts))
        return [Verdict(0.9, True, False, Sentiment(1, 0, 0), "en", "bag", _vector(text)) for text in texts]


def _vector(text: str) -> bytes:
    total = np.zeros(256)
    for word in text.lower().split():
        total += _direction(word.strip(".,!?"))
    return (total / max(1e-9, np.linalg.norm(total))).astype("<f2").tobytes()


@cache
def _direction(word: str) -> np.ndarray:
    return np.random.default_rng(list(word.encode())).normal(size=256)


def test_the_general_reasons_are_those_that_the_desk_knows() -> None:
    reasons = general_reasons()
    assert tuple(reason.name for reason in reasons) == (*GENERAL_REASONS, OTHER)
    for reason in reasons:
        assert len(reason.examples) >= 12
        assert len(set(reason.sentences)) == len(reason.sentences)
        for script in ("Latin", "Cyrillic", "Arabic", "Devanagari"):
            assert any(regex.search(rf"\p{{{script}}}", sentence) for sentence in reason.sentences)


@pytest.mark.parametrize("place", range(len(GENERAL_REASONS)))
def test_each_sentence_has_its_own_reason_unless_another_says_the_same_words(place: int) -> None:
    reason = general_reasons()[place]
    found = WithReasons(WordBag()).predict(reason.sentences)
    assert sum(verdict.reason == reason.name for verdict in found) > 0.95 * len(found)


def test_talk_about_nothing_has_no_reason() -> None:
    found = WithReasons(WordBag()).predict(["", "😡😡 !!!", "You are the worst, I will never come back."])
    assert [verdict.reason for verdict in found] == ["", "", ""]


def test_an_operators_reason_is_found_beside_the_general_ones() -> None:
    predictor = WithReasons(WordBag(), [LOCKER])
    locker, late = predictor.predict(["your locker is stuck again", "My parcel is late."])
    assert (locker.reason, late.reason) == ("locker", "delay")
    assert WithReasons(WordBag()).predict(["your locker is stuck again"])[0].reason != "locker"


def test_an_operators_reason_replaces_the_general_one_of_its_name() -> None:
    mine = Reason("delay", "the bus did not come", ("no bus since eight", "where is bus 40"))
    bus, late = WithReasons(WordBag(), [mine]).predict(["no bus since eight", "My parcel is late."])
    assert bus.reason == "delay"
    assert late.reason != "delay"


def test_sentences_are_read_once_and_only_for_a_post() -> None:
    inner = WordBag()
    predictor = WithReasons(inner)
    assert predictor.predict([]) == []
    assert inner.asked == [0]
    predictor.predict(["late"])
    predictor.predict(["late"])
    assert inner.asked.count(1) == 2
    assert len(inner.asked) == 4


def test_the_rest_of_the_verdict_is_the_models(tiny_folder: Path) -> None:
    model = load_predictor(tiny_folder)
    with_reasons = WithReasons(model)
    assert with_reasons.version == model.version
    (plain,), (named,) = model.predict(["my bank"], ["de"]), with_reasons.predict(["my bank"], ["de"])
    assert (named.complaint, named.sentiment, named.language) == (plain.complaint, plain.sentiment, "de")
    assert -1 <= named.reason_score <= 1
