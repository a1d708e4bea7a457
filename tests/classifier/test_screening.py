"""Screening: what the quick model rules out stays with it, the rest is judged by the full one."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier import OnnxPredictor, load_predictor
from classifier.annotation import HELD_OUT
from classifier.artifact import QUICK, SHIPPED
from classifier.data import read_rows
from classifier.screening import Screened
from tests.classifier.shipped import calm_post

COMPLAINT = "@bank you charged my card twice and nobody answers my mails, this is unacceptable"


@pytest.fixture(scope="module")
def quick() -> OnnxPredictor:
    return load_predictor(SHIPPED / QUICK)


@pytest.fixture(scope="module")
def full() -> OnnxPredictor:
    return load_predictor()


def test_each_text_has_the_verdict_of_the_model_that_judged_it(
    quick: OnnxPredictor, full: OnnxPredictor
) -> None:
    calm = calm_post()
    texts = [calm, COMPLAINT, calm, COMPLAINT]
    verdicts = Screened(quick, full).predict(texts, ["en", None, None, "de"])
    assert [verdict.model for verdict in verdicts] == [quick.version, full.version] * 2
    assert [verdict.language for verdict in verdicts] == ["en", "en", "en", "de"]
    for verdict, model in zip(verdicts, [quick, full, quick, full], strict=True):
        (alone,) = model.predict([calm if model is quick else COMPLAINT])
        assert verdict.complaint == pytest.approx(alone.complaint, abs=1e-3)


@pytest.mark.parametrize(
    ("full_thresholds", "brands"),
    [((0.0, None), []), ((None, 0.0), []), ((None, None), [0.0])],
    ids=["complaint", "look", "brand"],
)
def test_nothing_that_somebody_would_be_shown_is_ruled_out(
    quick: OnnxPredictor, full_thresholds: tuple[float | None, float | None], brands: list[float]
) -> None:
    full = load_predictor(None, *full_thresholds)
    verdicts = Screened(quick, full, brands).predict([calm_post(), COMPLAINT])
    assert [verdict.model for verdict in verdicts] == [full.version] * 2


def test_higher_thresholds_do_not_rule_out_what_the_quick_one_would_show(quick: OnnxPredictor) -> None:
    texts = [row["text"] for row in read_rows(HELD_OUT)]
    verdicts = Screened(quick, load_predictor(None, 0.95, 0.9), [0.9]).predict(texts)
    ruled_out = [verdict for verdict in verdicts if verdict.model == quick.version]
    assert ruled_out
    assert not [verdict for verdict in ruled_out if verdict.is_complaint or verdict.needs_look]


def test_the_full_model_is_not_even_loaded_for_calm_posts(quick: OnnxPredictor, tmp_path: Path) -> None:
    unread = OnnxPredictor(tmp_path / "nowhere", load_predictor().manifest)
    (verdict,) = Screened(quick, unread).predict([calm_post()])
    assert verdict.model == quick.version
