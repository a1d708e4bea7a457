"""Public figures to put a team's own beside. Orientation, not a target: others counted others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from answerback.rendering import words
from desk.model.report import Report
from desk.model.sla import Clock


class Measure(StrEnum):
    """What is compared, as it is said to a reader."""

    UNANSWERED = "Complaints left unanswered"
    FIRST_RESPONSE = "First response, wall time"


@dataclass(frozen=True, slots=True)
class PublicFigure:
    measure: Measure
    says: str
    source: str


PUBLIC_FIGURES = (
    PublicFigure(
        Measure.UNANSWERED,
        "about a third in all trades; about eight of ten in retail",
        "VB Insight, survey of social media users in the United States",
    ),
    PublicFigure(
        Measure.FIRST_RESPONSE,
        "median about 22 min",
        "airlines on Twitter, 2015",
    ),
    # From the set's posts: first by the customer to first by the brand. Answered threads only, so it says
    # nothing of how many are.
    PublicFigure(
        Measure.FIRST_RESPONSE,
        "a quarter within about 10 min, median about 2 h, nine of ten within about 80 h",
        "525 answered threads on Twitter, 2018–2020 (IBM Conversational Document Prediction)",
    ),
)


def own(report: Report, measure: Measure) -> str:
    """The report's own figure for a measure, in the same words."""
    match measure:
        case Measure.UNANSWERED:
            rate = report.total.answer_rate
            return words.percent(None if rate is None else 1 - rate)
        case Measure.FIRST_RESPONSE:
            median = report.total.clocks[Clock.FIRST_RESPONSE].wall.p50
            return words.NONE if median is None else f"median {words.duration(median)}"
