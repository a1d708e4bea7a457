"""The report as a tidy table for a spreadsheet's pivot: one figure a row, and every row says what it is.

| column | holds |
|---|---|
| opened_from, opened_to, scope | which cases, the same on every row, so that several reports can be stacked |
| key | what `group` is: `total`, `day`, or what the report is grouped by |
| group | the group's name; empty for the total |
| clock | `first_response`, `next_response`, `resolution`; empty where the figure has none |
| metric | `cases`, `answered`, `met`, `p50`, … |
| unit | what is counted: `cases`, `threads`, `posts`, `gaps`, `runs` of a clock; `share` is 0 to 1 |
| | `wall seconds`, `working seconds` |
| value | a number; empty where there is none, which is not nought |

`gaps` counts the stretches from which posts may be missing. Single breaches and gaps are not here: they are
no figures. The JSON report lists them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from answerback.rendering.report_json import iso
from answerback.rendering.spreadsheet import RowWriter
from desk.model.report import Durations, Figures, GroupBy, Report
from desk.model.sla import Clock

COLUMNS = ("opened_from", "opened_to", "scope", "key", "group", "clock", "metric", "unit", "value")

Row = tuple[str, str, str, str, str, int | float | None]
"""key, group, clock, metric, unit, value"""


def render_csv(report: Report) -> str:
    text = io.StringIO(newline="")
    writer = RowWriter(text)
    writer.write(COLUMNS)
    which = (iso(report.opened_from), iso(report.opened_to), report.scope.value)
    for row in _rows(report):
        writer.write((*which, *row))
    return text.getvalue()


def _rows(report: Report) -> Iterator[Row]:
    yield from _figures("total", "", report.total)
    yield "total", "", "", "dismissed", "cases", report.dismissed
    yield "total", "", "", "copies", "posts", report.copies
    yield "total", "", "", "gaps", "gaps", len(report.missing)
    threads = report.threads
    yield "total", "", "", "threads", "threads", threads.n
    yield "total", "", "", "threads_answered", "threads", threads.answered
    first = Clock.FIRST_RESPONSE.value
    for metric, value in _percentiles(threads.first_response):
        yield "total", "", first, f"threads_{metric}", "wall seconds", value
    if report.grouped_by is not GroupBy.DAY:  # the groups say the same, and more
        for day in report.days:
            yield "day", day.day.isoformat(), "", "cases", "cases", day.opened
            yield "day", day.day.isoformat(), "", "answered", "cases", day.answered
    if report.grouped_by is not None:
        for name, figures in report.groups:
            yield from _figures(report.grouped_by.value, name, figures)


def _figures(key: str, group: str, figures: Figures) -> Iterator[Row]:
    yield key, group, "", "cases", "cases", figures.cases
    yield key, group, "", "answered", "cases", figures.answered
    yield key, group, "", "unanswered", "cases", figures.unanswered
    rate = figures.answer_rate
    yield key, group, "", "answer_rate", "share", None if rate is None else round(rate, 4)
    yield key, group, "", "resolved", "cases", figures.resolved
    for clock in Clock:
        of_clock = figures.clocks[clock]
        yield key, group, clock.value, "n", "runs", of_clock.wall.n
        for unit, durations in (("wall seconds", of_clock.wall), ("working seconds", of_clock.working)):
            for metric, value in _percentiles(durations):
                yield key, group, clock.value, metric, unit, value
        kept = of_clock.attainment
        yield key, group, clock.value, "met", "runs", kept.met
        yield key, group, clock.value, "missed", "runs", kept.missed
        yield key, group, clock.value, "running", "runs", kept.running
        yield key, group, clock.value, "rate", "share", None if kept.rate is None else round(kept.rate, 4)


def _percentiles(durations: Durations) -> Iterator[tuple[str, float | None]]:
    for metric in ("p25", "p50", "p75", "p90"):
        value: float | None = getattr(durations, metric)
        yield metric, None if value is None else round(value, 1)
