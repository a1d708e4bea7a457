"""The report as one HTML file that needs nothing else: no network, no script, no font from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from answerback.rendering import charts, words
from answerback.rendering.public_figures import PUBLIC_FIGURES, own
from answerback.rendering.time_steps import columns_over_time
from desk.model.report import Attainment, Durations, Figures, GroupBy, Report, Scope
from desk.model.sla import Clock

MOST_BREACHES = 50
MOST_GAPS = 20
MOST_GROUPS_DRAWN = 15
"""Rows of a chart; the table has all groups."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that is read first."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Chart:
    svg: Markup
    title: str
    about: str
    legend: tuple[tuple[str, str], ...] = ()
    """(class of the colour, what it stands for)"""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """The same figures as a table, a name first; none where another table of the page has them."""


def render_html(report: Report) -> str:
    environment = _environment()
    style = environment.get_template("report.css.j2").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(style),  # noqa: S704 - our own file, and nothing is put into it
        style_digest=digest,
        period=words.period(report),
        headline=words.headline(report),
        made_at=words.moment(report.made_at),
        tiles=_tiles(report),
        charts=_charts(report),
        clocks=_clock_rows(report),
        groups=words.groups_in_order(report),
        group_title="" if report.grouped_by is None else words.group_title(report.grouped_by),
        first=Clock.FIRST_RESPONSE,
        breaches=_breach_rows(report),
        breaches_left=max(0, len(report.breaches) - MOST_BREACHES),
        policies=[(words.plain(policy.name), words.targets(policy)) for policy in report.policies],
        missing=_missing_rows(report),
        missing_left=max(0, len(report.missing) - MOST_GAPS),
        public_figures=[(figure, own(report, figure.measure)) for figure in PUBLIC_FIGURES],
        meanings=(words.scope(report), words.ANSWERED, words.TIMES, words.TARGETS, words.THREADS),
        words=words,
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("answerback.rendering"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _tiles(report: Report) -> tuple[Tile, ...]:
    total = report.total
    first = total.clocks[Clock.FIRST_RESPONSE]
    kept = first.attainment
    still = sum(breach.stopped_at is None for breach in report.breaches)
    opened = "Complaints" if report.scope is Scope.COMPLAINTS else "Cases"
    return (
        Tile(opened, f"{total.cases:,}", f"{total.unanswered:,} unanswered, {total.resolved:,} resolved"),
        Tile(
            "Answered",
            words.percent(total.answer_rate),
            f"{report.threads.answered:,} of {words.count(report.threads.n, 'thread', 'threads')}",
        ),
        Tile(
            "Median first response",
            words.duration(first.wall.p50),
            f"wall time; {words.duration(first.working.p50, days=False)} of working time"
            if first.wall.n
            else "no answer yet",
        ),
        Tile(
            "First response in time",
            words.percent(kept.rate),
            f"{kept.met:,} met, {kept.missed:,} missed, {kept.running:,} running",
        ),
        Tile("Targets missed", f"{len(report.breaches):,}", f"{still:,} of them still open"),
    )


def _charts(report: Report) -> list[Chart]:
    if not report.total.cases:
        return []
    return [*_over_time(report), _attainment(report), _waits(report), *_answers_by_group(report)]


_SAID_ELSEWHERE = frozenset({GroupBy.AGENT, GroupBy.DAY})
"""An agent's cases are those that the agent answered; days have columns of their own."""
_ANSWERED_LEGEND = (("good", "answered"), ("bad", "unanswered"))


def _over_time(report: Report) -> list[Chart]:
    step, columns = columns_over_time(report)
    if len(columns) < 2:  # one column says less than the tiles
        return []
    title = f"Opened and answered by {step}"
    about = f"By the {step} of the first post (UTC), at whatever time the answer came."
    if step == "week":
        about += " A week is named by its Monday."
    rows = tuple((c.label, f"{c.opened:,}", f"{c.answered:,}", f"{c.opened - c.answered:,}") for c in columns)
    legend = (("good", "answered"), ("bad soft", "unanswered"))
    head = (step.capitalize(), "Opened", "Answered", "Unanswered")
    return [Chart(charts.columns("time", title, columns), title, about, legend, head, rows)]


def _attainment(report: Report) -> Chart:
    title = "Targets kept"
    data = [
        _share(name, kept)
        for clock, name in words.CLOCKS.items()
        if (kept := report.total.clocks[clock].attainment)
    ]
    legend = (("good", "met"), ("bad", "missed"), ("open", "running"))
    return Chart(
        charts.shares("targets", title, data),
        title,
        "Runs of each clock. The share at the right leaves out what still runs.",
        legend,
    )


def _share(label: str, kept: Attainment) -> charts.Share:
    return charts.Share(label, kept.met, kept.missed, kept.running, words.percent(kept.rate))


def _waits(report: Report) -> Chart:
    title = "How long the first response took"
    clock = Clock.FIRST_RESPONSE
    data = [charts.Wait("All", report.total.clocks[clock].wall)]
    data += [charts.Wait(name, figures.clocks[clock].wall) for name, figures in _drawn(report)]
    about = (
        "Wall time, of what was answered. The box holds the middle half, its mark and the figure are the "
        "median, the line goes on to the 90th percentile." + _not_drawn(report)
    )
    rows = tuple((wait.label, *_quartiles(wait.durations)) for wait in data)
    head = ("", "Answers", "p25", "Median", "p75", "p90")
    return Chart(charts.waits("waits", title, data), title, about, (), head, rows)


def _answers_by_group(report: Report) -> list[Chart]:
    if report.grouped_by is None or report.grouped_by in _SAID_ELSEWHERE:
        return []
    title = f"Answered by {words.group_title(report.grouped_by).lower()}"
    data = [
        charts.Share(name, figures.answered, figures.unanswered, 0, words.percent(figures.answer_rate))
        for name, figures in _drawn(report)
    ]
    about = "Cases, as a share of each group's own." + _not_drawn(report)
    return [Chart(charts.shares("answered", title, data), title, about, _ANSWERED_LEGEND)]


def _drawn(report: Report) -> list[tuple[str, Figures]]:
    """The largest groups; of days the latest."""
    groups = words.groups_in_order(report)
    by_day = report.grouped_by is GroupBy.DAY
    return groups[-MOST_GROUPS_DRAWN:] if by_day else groups[:MOST_GROUPS_DRAWN]


def _not_drawn(report: Report) -> str:
    left = len(report.groups) - MOST_GROUPS_DRAWN
    return f" {left:,} more are in the table." if left > 0 else ""


def _quartiles(durations: Durations, *, days: bool = True) -> tuple[str, ...]:
    shown = (durations.p25, durations.p50, durations.p75, durations.p90)
    return f"{durations.n:,}", *(words.duration(seconds, days=days) for seconds in shown)


def _clock_rows(report: Report) -> list[tuple[str, str, tuple[str, ...]]]:
    rows: list[tuple[str, str, tuple[str, ...]]] = []
    for clock, title in words.CLOCKS.items():
        figures = report.total.clocks[clock]
        rows.append((title, "wall", _quartiles(figures.wall)))
        rows.append((title, "working", _quartiles(figures.working, days=False)))
    rows.append(("First response, threads", "wall", _quartiles(report.threads.first_response)))
    return rows


def _missing_rows(report: Report) -> list[tuple[str, ...]]:
    return [
        (
            words.plain(gap.source),
            words.moment(gap.since),
            words.moment(gap.until),
            words.plain(gap.reason, 300),
        )
        for gap in report.missing[:MOST_GAPS]
    ]


def _breach_rows(report: Report) -> list[tuple[str, ...]]:
    return [
        (
            f"{breach.case_id}",
            words.plain(breach.brand),
            words.group_name(GroupBy.CHANNEL, breach.source),
            words.CLOCKS[breach.clock],
            words.moment(breach.due_at),
            words.breach_end(breach),
            words.plain(breach.agent or "") or words.NONE,
        )
        for breach in report.breaches[:MOST_BREACHES]
    ]
