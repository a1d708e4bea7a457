"""The report as JSON. Keys keep their order; times are UTC with a Z, durations seconds, rates 0 to 1."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from answerback.json_text import dumps
from desk.model.report import Attainment, Breach, Durations, Figures, Missing, Report
from desk.model.sla import Clock, SlaPolicy


def render_json(report: Report) -> str:
    return dumps(_report(report), indent=2) + "\n"


def _report(report: Report) -> dict[str, Any]:
    return {
        "opened_from": iso(report.opened_from),
        "opened_to": iso(report.opened_to),
        "made_at": iso(report.made_at),
        "scope": report.scope.value,
        **_figures(report.total),
        "dismissed": report.dismissed,
        "threads": {
            "n": report.threads.n,
            "answered": report.threads.answered,
            "first_response_seconds": _durations(report.threads.first_response),
        },
        "by": None
        if report.grouped_by is None
        else {
            "key": report.grouped_by.value,
            "groups": [{"name": name, **_figures(figures)} for name, figures in report.groups],
        },
        "days": [
            {"day": day.day.isoformat(), "opened": day.opened, "answered": day.answered}
            for day in report.days
        ],
        "policies": [_policy(policy) for policy in report.policies],
        "breaches": [_breach(breach) for breach in report.breaches],
        "copies": report.copies,
        "posts_may_be_missing": [_missing(gap) for gap in report.missing],
    }


def _figures(figures: Figures) -> dict[str, Any]:
    told: dict[str, Any] = {
        "cases": figures.cases,
        "answered": figures.answered,
        "unanswered": figures.unanswered,
        "answer_rate": _rate(figures.answer_rate),
        "resolved": figures.resolved,
    }
    for clock in Clock:
        told[f"{clock.value}_seconds"] = _durations(figures.clocks[clock].wall)
        told[f"{clock.value}_working_seconds"] = _durations(figures.clocks[clock].working)
    told["sla"] = {clock.value: _attainment(figures.clocks[clock].attainment) for clock in Clock}
    return told


def _durations(durations: Durations) -> dict[str, Any]:
    return {
        "n": durations.n,
        "p25": _seconds(durations.p25),
        "p50": _seconds(durations.p50),
        "p75": _seconds(durations.p75),
        "p90": _seconds(durations.p90),
    }


def _attainment(attainment: Attainment) -> dict[str, Any]:
    return {
        "met": attainment.met,
        "missed": attainment.missed,
        "running": attainment.running,
        "rate": _rate(attainment.rate),
    }


def _breach(breach: Breach) -> dict[str, Any]:
    return {
        "case_id": breach.case_id,
        "brand": breach.brand,
        "source": breach.source,
        "clock": breach.clock.value,
        "due_at": iso(breach.due_at),
        "stopped_at": None if breach.stopped_at is None else iso(breach.stopped_at),
        "agent": breach.agent,
    }


def _missing(gap: Missing) -> dict[str, Any]:
    return {"source": gap.source, "since": iso(gap.since), "until": iso(gap.until), "reason": gap.reason}


def _policy(policy: SlaPolicy) -> dict[str, Any]:
    return {
        "id": policy.id,
        **{f"{clock.value}_target_seconds": policy.target_seconds(clock) for clock in Clock},
        "calendar": policy.calendar.name,
        "timezone": policy.calendar.timezone,
    }


def iso(at: datetime) -> str:
    """For example 2026-03-10T06:04:05Z; milliseconds only where there are some."""
    utc = at.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _rate(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
