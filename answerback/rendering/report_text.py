"""The report for a terminal: plain text, aligned, at most 96 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from answerback.rendering import words
from answerback.rendering.public_figures import PUBLIC_FIGURES, own
from desk.model.report import Durations, GroupBy, Report
from desk.model.sla import Clock

WIDTH = 96
"""Columns, none of which a line goes beyond."""
MOST_BREACHES = 20
MOST_GAPS = 10
_NAME_WIDTH = 24


def render_text(report: Report) -> str:
    lines = [
        *_head(report),
        *_missing(report),
        *_times(report),
        *_attainment(report),
        *_groups(report),
        *_breaches(report),
        *_public(report),
        *_meanings(report),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _head(report: Report) -> Iterator[str]:
    total = report.total
    yield f"SLA report, {words.period(report)} (UTC)"
    yield f"Running clocks judged as of {words.moment(report.made_at)} UTC."
    yield ""
    yield words.headline(report)
    yield from _table(
        ("cases", "answered", "unanswered", "resolved", "dismissed", "threads", "thr. answered"),
        [
            (
                f"{total.cases:,}",
                f"{total.answered:,}",
                f"{total.unanswered:,}",
                f"{total.resolved:,}",
                f"{report.dismissed:,}",
                f"{report.threads.n:,}",
                f"{report.threads.answered:,}",
            )
        ],
        names=0,
    )


def _missing(report: Report) -> Iterator[str]:
    if not report.missing:
        return
    yield from _title("Posts may be missing")
    for gap in report.missing[:MOST_GAPS]:
        stretch = f"{words.moment(gap.since)} – {words.moment(gap.until)}"
        said = f"  {words.plain(gap.source)}, {stretch} (UTC): {words.plain(gap.reason, 300)}"
        yield from _wrapped(said, "    ")
    more = len(report.missing) - MOST_GAPS
    if more > 0:
        yield f"  … and {more:,} more, later; the JSON report lists all of them."
    yield from _wrapped("  " + words.MISSING, "  ")


def _times(report: Report) -> Iterator[str]:
    yield from _title("How long it took")
    rows = []
    for clock, title in words.CLOCKS.items():
        figures = report.total.clocks[clock]
        rows.append((title, "wall", *_durations(figures.wall)))
        rows.append(("", "working", *_durations(figures.working, days=False)))
    rows.append(("First response, threads", "wall", *_durations(report.threads.first_response)))
    yield from _table(("", "time", "n", "p25", "median", "p75", "p90"), rows, names=2)


def _durations(durations: Durations, *, days: bool = True) -> tuple[str, ...]:
    shown = (durations.p25, durations.p50, durations.p75, durations.p90)
    return f"{durations.n:,}", *(words.duration(seconds, days=days) for seconds in shown)


def _attainment(report: Report) -> Iterator[str]:
    yield from _title("Targets kept")
    rows = []
    for clock, title in words.CLOCKS.items():
        kept = report.total.clocks[clock].attainment
        numbers = (f"{kept.met:,}", f"{kept.missed:,}", f"{kept.running:,}")
        rows.append((title, words.percent(kept.rate), *numbers))
    yield from _table(("", "kept", "met", "missed", "running"), rows, names=1)
    for policy in report.policies:
        yield from _wrapped(f"  Promised, {words.plain(policy.name)}: {words.targets(policy)}", "    ")


def _groups(report: Report) -> Iterator[str]:
    if report.grouped_by is None:
        return
    by: GroupBy = report.grouped_by
    yield from _title(f"By {words.group_title(by).lower()}")
    rows = []
    for name, figures in words.groups_in_order(report):
        first = figures.clocks[Clock.FIRST_RESPONSE]
        rows.append(
            (
                name,
                f"{figures.cases:,}",
                words.percent(figures.answer_rate),
                words.duration(first.wall.p50),
                words.duration(first.wall.p90),
                words.duration(first.working.p50, days=False),
                words.percent(first.attainment.rate),
                f"{figures.breaches:,}",
            )
        )
    head = ("", "cases", "answered", "wall p50", "wall p90", "working p50", "1st kept", "missed")
    yield from _table(head, rows, names=1)
    yield "  p50 and p90 are of the first response; 1st kept: its target; missed: of any clock."


def _breaches(report: Report) -> Iterator[str]:
    yield from _title("Targets missed")
    if not report.breaches:
        yield "  None."
        return
    rows = [
        (
            f"{breach.case_id}",
            words.plain(breach.brand, 14),
            words.group_name(GroupBy.CHANNEL, breach.source)[:10],
            words.CLOCKS[breach.clock],
            words.moment(breach.due_at),
            words.breach_end(breach),
            words.plain(breach.agent or "", 14),
        )
        for breach in report.breaches[:MOST_BREACHES]
    ]
    yield from _table(("case", "brand", "channel", "clock", "due (UTC)", "ended", "by"), rows, names=7)
    more = len(report.breaches) - MOST_BREACHES
    if more > 0:
        yield f"  … and {more:,} more, later due; the JSON report lists all of them."


def _public(report: Report) -> Iterator[str]:
    yield from _title("Beside public figures")
    for figure in PUBLIC_FIGURES:
        here = own(report, figure.measure)
        yield from _wrapped(
            f"  {figure.measure}: here {here}; elsewhere {figure.says}. Source: {figure.source}.", "    "
        )
    yield from _wrapped("  Others counted other posts in other ways: take these for orientation.", "    ")


def _meanings(report: Report) -> Iterator[str]:
    yield from _title("What was counted")
    for sentence in (words.scope(report), words.ANSWERED, words.TIMES, words.TARGETS, words.THREADS):
        yield from _wrapped("  " + sentence, "  ")
    if told := words.copies(report):
        yield from _wrapped("  " + told, "  ")


def _title(title: str) -> tuple[str, ...]:
    return "", title, "─" * len(title)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, names: int) -> Iterator[str]:
    """Columns as wide as their widest cell; the first `names` stand left, figures right."""
    lines = [head, *rows]
    widths = [
        min(max(cell_len(line[column]) for line in lines), _NAME_WIDTH if column < names else WIDTH)
        for column in range(len(head))
    ]
    # What is too wide after all is taken from the names: figures are never cut.
    while 2 + sum(widths) + 2 * (len(widths) - 1) > WIDTH and max(widths[:names], default=0) > 4:
        widths[widths.index(max(widths[:names]))] -= 1
    for line in lines:
        cells = (
            _fit(cell, width, right=column >= names)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  " + "  ".join(cells)


def _fit(cell: str, width: int, *, right: bool) -> str:
    shown = words.short(cell, width)
    padding = " " * (width - cell_len(shown))
    return padding + shown if right else shown + padding
