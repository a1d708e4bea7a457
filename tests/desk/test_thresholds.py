"""Thresholds of a brand's own, and what the queue then holds."""

from __future__ import annotations

import pytest

from desk.classification import classify_pending
from desk.model.thresholds import BrandThresholds, Thresholds
from tests.kernel import Desk, post, verdict

CALLED, LOOKED, LEFT = (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("own", "probability", "before", "after"),
    [
        (BrandThresholds(complaint=0.8, look=0.3), 0.85, CALLED, CALLED),
        (BrandThresholds(complaint=0.8, look=0.3), 0.60, CALLED, LOOKED),
        (BrandThresholds(complaint=0.8, look=0.3), 0.25, LOOKED, LEFT),
        (BrandThresholds(complaint=0.4), 0.45, LOOKED, CALLED),
        (BrandThresholds(complaint=0.7), 0.60, CALLED, LOOKED),
        (BrandThresholds(complaint=0.7), 0.05, LEFT, LEFT),
        (BrandThresholds(look=0.05), 0.05, LEFT, LOOKED),
        (BrandThresholds(look=0.3), 0.25, LOOKED, LEFT),
        (BrandThresholds(look=0.3), 0.60, CALLED, CALLED),
        (BrandThresholds(), 0.25, LOOKED, LOOKED),
    ],
)
def test_a_brands_own_thresholds_decide(
    own: BrandThresholds, probability: float, before: tuple[bool, bool], after: tuple[bool, bool]
) -> None:
    said = verdict(probability, is_complaint=before[0], needs_look=before[1])
    found = Thresholds({"fernway": own}).apply("fernway", said)
    assert (found.is_complaint, found.needs_look) == after
    assert found.complaint == probability


def test_other_brands_keep_what_the_model_said() -> None:
    said = verdict(0.9)
    assert Thresholds({"fernway": BrandThresholds(complaint=0.99)}).apply("oakline", said) is said


def test_the_same_words_are_a_complaint_for_one_brand_and_none_for_another(desk: Desk) -> None:
    desk.record(post("1", "hmm"), post("2", "hmm", thread="t2", brand="oakline"))
    strict = Thresholds({"oakline": BrandThresholds(complaint=0.2)})
    assert classify_pending(desk.store, desk.predictor, thresholds=strict) == 2
    with desk.store.read() as db:
        rows = db.execute("SELECT mention_id, is_complaint, needs_look FROM verdicts ORDER BY 1").fetchall()
    assert rows == [("bluesky:1", 0, 1), ("bluesky:2", 1, 0)]
