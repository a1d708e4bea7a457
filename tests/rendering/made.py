"""Reports made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from desk.model.case import CaseId
from desk.model.report import (
    Attainment,
    Breach,
    ClockFigures,
    Day,
    Durations,
    Figures,
    GroupBy,
    Missing,
    Report,
    Scope,
    Threads,
)
from desk.model.sla import Clock, SlaPolicy

MORNING = datetime(2026, 3, 10, 8, tzinfo=UTC)


def figures(cases: int = 10, answered: int = 7, waits: Sequence[float] = (60, 600, 7_440)) -> Figures:
    """Figures whose clocks all have the same waits; working time is half of them."""
    clock = ClockFigures(
        wall=Durations.of(waits),
        working=Durations.of([wait / 2 for wait in waits]),
        attainment=Attainment(met=min(answered, cases), missed=cases - answered, running=0),
    )
    return Figures(
        cases, answered, cases - answered, resolved=answered // 2, clocks=dict.fromkeys(Clock, clock)
    )


def breach(case_id: int = 1, **changes: object) -> Breach:
    facts: dict[str, object] = {
        "case_id": CaseId(case_id),
        "brand": "Fernway",
        "source": "x",
        "clock": Clock.FIRST_RESPONSE,
        "due_at": MORNING + timedelta(minutes=case_id),
        "stopped_at": None,
        "agent": None,
    }
    return Breach(**{**facts, **changes})  # type: ignore[arg-type]


def gap(source: str = "x:search", reason: str = "X keeps seven days.") -> Missing:
    return Missing(source, MORNING, MORNING + timedelta(hours=2), reason)


def make_report(
    *,
    total: Figures | None = None,
    by: GroupBy | None = None,
    names: Sequence[str] = (),
    breaches: Sequence[Breach] = (),
    days: int = 1,
    **changes: object,
) -> Report:
    total = total or figures()
    start = datetime(2026, 3, 10, tzinfo=UTC)
    facts: dict[str, object] = {
        "opened_from": start,
        "opened_to": start + timedelta(days=days),
        "made_at": start + timedelta(days=days, hours=2),
        "scope": Scope.COMPLAINTS,
        "grouped_by": by,
        "total": total,
        "groups": tuple((name, figures(index + 2, index + 1)) for index, name in enumerate(names)),
        "threads": Threads(total.cases, total.answered, Durations.of((60, 600))),
        "breaches": tuple(breaches),
        "days": tuple(Day(date(2026, 3, 10) + timedelta(days=n), 10, 7) for n in range(days)),
        "dismissed": 1,
        "policies": (SlaPolicy("standard", first_response_seconds=1_800),),
    }
    return Report(**{**facts, **changes})  # type: ignore[arg-type]


EMPTY = Figures(
    0,
    0,
    0,
    0,
    dict.fromkeys(Clock, ClockFigures(Durations.of(()), Durations.of(()), Attainment(0, 0, 0))),
)


def nothing() -> Report:
    """The report on a period in which nothing happened."""
    return make_report(
        total=EMPTY,
        days=0,
        opened_to=datetime(2026, 3, 31, tzinfo=UTC),
        threads=Threads(0, 0, Durations.of(())),
        dismissed=0,
        policies=(),
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}}{% raw %}",
    "\u202egnp.exe\u2066",
    "=cmd|'/c calc'!A0",
    "\x1b[2J\x9b31mred",
    '"><img src=x onerror=alert(1)>',
    'Имя, с "кавычками"\r\nи строкой',
    "株式会社" * 30,
    "&amp; &lt;",
    "",
)
"""Names as strangers might choose them."""
