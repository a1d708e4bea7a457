"""What every Predictor promises, whichever weights it serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifier import load_predictor
from classifier.artifact import QUICK, SHIPPED
from classifier.reasons import Reason, WithReasons
from classifier.screening import Screened
from desk.model.verdict import Verdict
from desk.ports import Predictor
from tests.classifier.tiny import write_tiny_folder

OWN = Reason("phones", "My phone is broken.", ("I hate my new phone.",))


def with_reasons(scratch: Path) -> Predictor:
    """As `answerback run` serves: a model, the general reasons and one of an operator's."""
    return WithReasons(load_predictor(write_tiny_folder(scratch / "weights")), [OWN])


FACTORIES: dict[str, Callable[[Path], Predictor]] = {
    "tiny": lambda scratch: load_predictor(write_tiny_folder(scratch / "weights")),
    "reasons": with_reasons,
    "shipped": lambda _: load_predictor(),
    "quick": lambda _: load_predictor(SHIPPED / QUICK),
    "screened": lambda _: Screened(load_predictor(SHIPPED / QUICK), load_predictor()),
}
TEXTS = [
    "@bank my card was charged twice and nobody answers!!!",
    "thanks, great service :)",
    "ok",
    "доставка опаздывает на три дня",
    "the phone I bought from you last week does not switch on, I sent two mails, I want my money back " * 4,
    "😡😡😡",
    "",
]


@pytest.fixture(scope="module", params=FACTORIES)
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return FACTORIES[request.param](tmp_path_factory.mktemp(request.param))


def assert_alike(one: Verdict, other: Verdict) -> None:
    """Equal, but for how padding rounds."""
    np.testing.assert_allclose(numbers(one), numbers(other), atol=1e-3)
    assert one.reason_score == pytest.approx(other.reason_score, abs=0.01)
    assert (one.language, one.reason, one.model) == (other.language, other.reason, other.model)


def numbers(verdict: Verdict) -> list[float]:
    felt = verdict.sentiment
    vector = np.frombuffer(verdict.embedding, dtype="<f2")
    said = [verdict.complaint, verdict.anger, verdict.abuse, felt.negative, felt.neutral, felt.positive]
    return [*said, *vector.astype(float)]


def test_no_texts_give_no_verdicts(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_a_verdict_holds_probabilities_and_a_unit_vector(predictor: Predictor) -> None:
    for verdict in predictor.predict(TEXTS):
        felt = verdict.sentiment
        for probability in (verdict.complaint, verdict.anger, verdict.abuse):
            assert 0.0 <= probability <= 1.0
        assert verdict.is_sound
        assert felt.negative + felt.neutral + felt.positive == pytest.approx(1.0)
        assert min(felt.negative, felt.neutral, felt.positive) >= 0.0
        assert np.linalg.norm(np.frombuffer(verdict.embedding, dtype="<f2").astype(float)) == pytest.approx(
            1, abs=0.01
        )
        # Who is taught by others names them first.
        assert verdict.model.startswith(predictor.version)
        assert not (verdict.is_complaint and verdict.needs_look)


@pytest.mark.parametrize("predictor", ["reasons"], indirect=True)
def test_the_texts_have_more_than_one_reason(predictor: Predictor) -> None:
    """Where all had the same, neither order nor neighbours would be seen in it."""
    assert len({verdict.reason for verdict in predictor.predict(TEXTS)} - {""}) > 1


def test_verdicts_come_in_the_order_of_the_texts(predictor: Predictor) -> None:
    forwards = predictor.predict(TEXTS)
    backwards = predictor.predict(TEXTS[::-1])
    for one, other in zip(forwards, backwards[::-1], strict=True):
        assert_alike(one, other)


def test_a_verdict_does_not_depend_on_its_neighbours(predictor: Predictor) -> None:
    together = predictor.predict(TEXTS * 9)
    for text, verdict in zip(TEXTS, together[: len(TEXTS)], strict=True):
        assert_alike(predictor.predict([text])[0], verdict)


def test_the_same_text_gets_the_same_verdict_again(predictor: Predictor) -> None:
    assert predictor.predict(TEXTS) == predictor.predict(TEXTS)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b\u202e", "\ud800", "😡", "@someone https://t.co/x", "?!"]
)
def test_a_text_without_words_has_no_language(predictor: Predictor, text: str) -> None:
    assert predictor.predict([text])[0].language == "und"


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "late again " * 10_000, "😡" * 100_000, "@a " * 30_000, "\x00" * 100_000]
)
def test_a_hundred_thousand_characters_are_one_more_post(predictor: Predictor, text: str) -> None:
    assert 0.0 <= predictor.predict([text])[0].complaint <= 1.0


def test_the_platform_goes_before_the_model_on_language(predictor: Predictor) -> None:
    found = predictor.predict(["not working", "not working", "not working"], ["pt-BR", None, "und"])
    assert found[0].language == "pt"
    assert found[1].language == found[2].language


def test_languages_must_match_the_texts_in_number(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="2 texts but 1 languages"):
        predictor.predict(["a", "b"], ["en"])
