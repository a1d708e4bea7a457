"""The weights that come with the package: their size, and that they tell plain cases apart.

How good they are is measured by `answerback evaluate` on held-out data and written in the model card.
"""

from __future__ import annotations

from collections import Counter

import pytest

from classifier import OnnxPredictor, load_predictor
from classifier.annotation import HELD_OUT
from classifier.artifact import QUICK, SHIPPED, read_manifest
from classifier.data import read_rows
from classifier.labels import LANGUAGES
from classifier.reason_vectors import digest
from classifier.reasons import Reason, WithReasons, general_reasons

SIZE_LIMIT_MB = 60


@pytest.fixture(scope="module")
def predictor() -> OnnxPredictor:
    return load_predictor()


def test_the_weights_stay_small_enough_to_ship() -> None:
    files = [*SHIPPED.glob("*.*"), *(SHIPPED / QUICK).glob("*.*")]
    assert sum(path.stat().st_size for path in files) < SIZE_LIMIT_MB * 1_000_000


def test_the_model_card_is_about_these_weights(predictor: OnnxPredictor) -> None:
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert predictor.version in card
    assert f"# Beside it: {read_manifest(SHIPPED / QUICK).version}" in card


def test_the_quick_model_was_taught_by_these_weights() -> None:
    assert read_manifest(SHIPPED / QUICK).version == f"{read_manifest(SHIPPED).version}-quick"


def test_the_quick_model_decides_as_its_teacher_in_most_hard_cases(predictor: OnnxPredictor) -> None:
    """A guard against bad weights; the model card has the figures."""
    texts = [row["text"] for row in read_rows(HELD_OUT)]
    taught, said = load_predictor(SHIPPED / QUICK).predict(texts), predictor.predict(texts)
    same = [one.is_complaint == other.is_complaint for one, other in zip(taught, said, strict=True)]
    assert sum(same) > 0.8 * len(same)


def test_thresholds_leave_room_for_a_second_look(predictor: OnnxPredictor) -> None:
    manifest = predictor.manifest
    assert 0.0 < manifest.look_threshold < manifest.complaint_threshold < 1.0


def test_hard_posts_are_told_apart_in_every_language(predictor: OnnxPredictor) -> None:
    """Half of them are complaints. A guard against bad weights; the model card has the figures."""
    rows = list(read_rows(HELD_OUT))
    verdicts = predictor.predict([row["text"] for row in rows])
    right = Counter[str]()
    for row, verdict in zip(rows, verdicts, strict=True):
        right[row["lang"]] += verdict.is_complaint == bool(row["complaint"])
    assert set(right) == set(LANGUAGES)
    assert right.total() / len(rows) > 0.75
    assert min(right.values()) > 0.65 * len(rows) / len(LANGUAGES)


def test_the_reasons_vectors_are_of_todays_sentences(predictor: OnnxPredictor) -> None:
    """Or the first post would wait for them to be read."""
    stored = predictor.reason_vectors()
    sentences = [sentence for reason in general_reasons() for sentence in reason.sentences]
    assert [sentence for sentence in sentences if digest(sentence) not in stored] == []


def test_an_operators_reason_is_found_by_a_few_sentences(
    predictor: OnnxPredictor,
) -> None:
    examples = ("Your locker gives me a wrong code", "Das Schließfach geht nicht auf")
    locker = Reason("locker", "The parcel locker does not open.", examples)
    access = Reason("access", "A wheelchair cannot get in.")
    model = WithReasons(predictor, [locker, access], stored=predictor.reason_vectors)
    about = {
        "locker 14 is stuck again": "locker",
        "Packstation nimmt den Code nicht, Fach bleibt zu": "locker",
        "no puedo abrir el casillero, el código no funciona": "locker",
        "lift broken, wheelchair user stuck on platform": "access",
        "my parcel is late": "delay",
        "refund my money": "billing",
    }
    assert {text: model.predict([text])[0].reason for text in about} == about
    others = model.predict([row["text"] for row in read_rows(HELD_OUT)])
    assert sum(verdict.reason in {"locker", "access"} for verdict in others) <= 5


@pytest.mark.parametrize(
    ("complaint", "praise", "language"),
    [
        (
            "@bank you charged my card twice and nobody answers my mails, this is unacceptable",
            "@bank thank you so much, the new app is wonderful and the staff were lovely",
            "en",
        ),
        (
            "Kartımdan iki kez para çekildi, üç gündür müşteri hizmetlerine ulaşamıyorum, mağdurum",
            "Bugün hava çok güzel, ailemle harika bir gün geçirdik, çok mutluyum",
            "tr",
        ),
        (
            "@bank интернет не работает третий день, поддержка не отвечает, ужасный сервис",
            "@bank спасибо большое, всё быстро и вежливо, отличный сервис",
            "ru",
        ),
    ],
)
def test_plain_cases(predictor: OnnxPredictor, complaint: str, praise: str, language: str) -> None:
    angry, happy = predictor.predict([complaint, praise])
    assert angry.is_complaint
    assert not happy.is_complaint
    assert angry.sentiment.negative > 0.5
    assert happy.sentiment.positive > happy.sentiment.negative
    assert angry.language == happy.language == language
