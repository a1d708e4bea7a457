"""The weights that come with the package: their size, and that they tell plain cases apart.

How good they are is measured by `answerback evaluate` on held-out data and written in the model card.
"""

from __future__ import annotations

import pytest

from classifier import OnnxPredictor, load_predictor
from classifier.artifact import SHIPPED

SIZE_LIMIT_MB = 45


@pytest.fixture(scope="module")
def predictor() -> OnnxPredictor:
    return load_predictor()


def test_the_weights_stay_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < SIZE_LIMIT_MB * 1_000_000


def test_the_model_card_is_about_these_weights(predictor: OnnxPredictor) -> None:
    assert predictor.version in (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_thresholds_leave_room_for_a_second_look(predictor: OnnxPredictor) -> None:
    manifest = predictor.manifest
    assert 0.0 < manifest.look_threshold < manifest.complaint_threshold < 1.0


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
