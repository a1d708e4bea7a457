"""Days put together into few enough steps of time to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, timedelta
from itertools import islice

from answerback.rendering.charts import Column
from desk.model.report import Day, Report

MOST_STEPS = 62
"""Columns that are still told apart on a page's width."""


def columns_over_time(report: Report) -> tuple[str, list[Column]]:
    """What a step is ("day", "week", "month", "year") and the steps, also those without a case.

    A period of few days is drawn whole; of a longer one, what lies between its first and last case.
    """
    first, last = _ends(report)
    if first is None or last is None:
        return "day", []
    for word, start_of, label in _STEPS:
        most = None if word == "year" else MOST_STEPS + 1
        steps = list(islice(_starts(first, last, start_of), most))
        if word == "year" or len(steps) <= MOST_STEPS:
            return word, _summed(report.days, steps, start_of, label)
    raise AssertionError("the last step takes everything")


def _ends(report: Report) -> tuple[date | None, date | None]:
    if not report.days:
        return None, None
    first, last = report.days[0].day, report.days[-1].day
    start = report.opened_from.astimezone(UTC).date()
    end = (min(report.opened_to, report.made_at).astimezone(UTC) - timedelta(microseconds=1)).date()
    if 0 <= (end - start).days < MOST_STEPS:
        return min(first, start), max(last, end)
    return first, last


def _starts(first: date, last: date, start_of: Callable[[date], date]) -> Iterator[date]:
    seen: date | None = None
    for offset in range((last - first).days + 1):
        start = start_of(first + timedelta(days=offset))
        if start != seen:
            yield start
            seen = start


def _summed(
    days: tuple[Day, ...], steps: list[date], start_of: Callable[[date], date], label: Callable[[date], str]
) -> list[Column]:
    opened = dict.fromkeys(steps, 0)
    answered = dict.fromkeys(steps, 0)
    for day in days:
        opened[start_of(day.day)] += day.opened
        answered[start_of(day.day)] += day.answered
    return [Column(label(step), opened[step], answered[step]) for step in steps]


def _same(day: date) -> date:
    return day


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _new_year(day: date) -> date:
    return day.replace(month=1, day=1)


def _day_label(day: date) -> str:
    return f"{day.day} {day:%b}"


_STEPS: tuple[tuple[str, Callable[[date], date], Callable[[date], str]], ...] = (
    ("day", _same, _day_label),
    ("week", _monday, lambda day: f"{_day_label(day)} {day.year}"),
    ("month", _first_of_month, lambda day: f"{day:%b %Y}"),
    ("year", _new_year, lambda day: f"{day.year}"),
)
