"""Watching the clocks: snoozed cases come back, and what a team must not miss becomes an alert, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from desk.caselog import advance
from desk.model.alert import AlertKind, Subject
from desk.model.case import Severity
from desk.model.event import Event, EventKind
from desk.model.health import SILENT_AFTER, SourceName
from desk.model.sla import Clock
from desk.model.timeline import Span, effective, spans
from desk.store import Store, alerts, cases, events, marks, sources
from desk.store.columns import to_ms


@dataclass(frozen=True, slots=True)
class AlertRules:
    """What the operator wants to be told."""

    kinds: frozenset[AlertKind] = frozenset(AlertKind)
    ahead: timedelta = timedelta(minutes=15)
    """How long before a breach it is announced."""
    stale_after: timedelta = timedelta(hours=24)
    """What became true longer ago than this is recorded, but bothers nobody (a backfill, an outage)."""
    silent_after: timedelta = SILENT_AFTER
    """A source without a success for so long, and for some of its intervals, is silent."""


def wake_due(store: Store, now: datetime) -> int:
    """Bring back snoozed cases whose time has come; how many."""
    with store.read() as db:
        if not cases.snoozed_until(db, now):
            return 0
    with store.write() as db:
        due = cases.snoozed_until(db, now)
        for case_id in due:
            advance(db, case_id, [Event(EventKind.WOKEN, now)], now)
    return len(due)


@dataclass(frozen=True, slots=True)
class _True:
    """A rule that has become true."""

    subject: Subject
    kind: AlertKind
    window: str
    at: datetime


def raise_alerts(
    store: Store, rules: AlertRules, channels: Sequence[str], now: datetime, *, sweeper: str = "run"
) -> int:
    """Record every alert that has become true by `now`; how many are new.

    Computed from event times, so that it does not matter when, how often or by how many processes it is
    called: a breach between two sweeps is found, and two sweepers raise it once. Each `sweeper` remembers
    how far it came: a replay's clock must not move the one of a running desk. Writes nothing where there is
    nothing new, so that no screen reads again for it.
    """
    with store.read() as db:
        last = events.last_seq(db)
        found = _find(db, rules, now, sweeper)
        if last == marks.get(db, _seen_events(sweeper)) and not _has_news(db, found):
            return 0
    with store.write() as db:
        last = events.last_seq(db)
        raised = _raise(db, _find(db, rules, now, sweeper), rules, channels, now)
        marks.put(db, _seen_events(sweeper), last)
        marks.put(db, _swept_until(sweeper), to_ms(now))
    return raised


def raise_silences(store: Store, rules: AlertRules, channels: Sequence[str], now: datetime) -> int:
    """Record an alert for every source that has fallen silent by `now`, once a silence; how many are new.

    Only sources to which a process listens: of one that nobody reads any more, nothing is to be expected.
    """
    if AlertKind.SOURCE_SILENT not in rules.kinds:
        return 0
    with store.read() as db:
        if not _has_news(db, _find_silent(db, rules, now)):
            return 0
    with store.write() as db:
        return _raise(db, _find_silent(db, rules, now), rules, channels, now)


def _has_news(db: Database, found: Sequence[_True]) -> bool:
    return any(alerts.is_news(db, one.kind, one.subject, one.window) for one in found)


def _raise(
    db: Database, found: Sequence[_True], rules: AlertRules, channels: Sequence[str], now: datetime
) -> int:
    raised = 0
    for one in found:
        alert_id = alerts.insert(
            db, kind=one.kind, subject=one.subject, window=one.window, at=one.at, raised_at=now
        )
        raised += alert_id is not None
        if now - one.at <= rules.stale_after:
            # Also what a sweeper without channels, a replay, has raised before.
            alerts.address(db, one.kind, one.subject, one.window, channels, now)
    return raised


def _find_silent(db: Database, rules: AlertRules, now: datetime) -> list[_True]:
    return [
        _True(SourceName(status.name), AlertKind.SOURCE_SILENT, status.last_success, at)
        for status in sources.statuses(db)
        if status.is_listened_to(now)
        and (at := status.silent_at(rules.silent_after)) is not None
        and at <= now
    ]


def _find(db: Database, rules: AlertRules, now: datetime, sweeper: str) -> list[_True]:
    touched = events.cases_touched_since(db, marks.get(db, _seen_events(sweeper)))
    coming = cases.due_between(db, marks.get(db, _swept_until(sweeper)), now + rules.ahead)
    policies = events.policies(db)
    found = []
    for case_id in sorted({*touched, *coming}):
        log = events.of_case(db, case_id)
        found += [_True(case_id, *one) for one in _true_by(now, log, spans(log, policies), rules)]
    return found


def _seen_events(sweeper: str) -> str:
    return f"{sweeper}: watched events"


def _swept_until(sweeper: str) -> str:
    return f"{sweeper}: watched milliseconds"


def _true_by(
    now: datetime, log: Sequence[Event], runs: Sequence[Span], rules: AlertRules
) -> Iterator[tuple[AlertKind, str, datetime]]:
    urgent_at = _urgent_since(log)
    if urgent_at is not None and AlertKind.URGENT in rules.kinds:
        yield AlertKind.URGENT, "", urgent_at
    for span in runs:
        due = span.due_at()
        if due is None or span.clock is Clock.RESOLUTION:
            continue
        window = f"{span.clock}:{due.isoformat()}"
        ahead = max(due - rules.ahead, span.started_at)
        if AlertKind.BREACH_AHEAD in rules.kinds and ahead <= now and _running_at(span, ahead):
            yield AlertKind.BREACH_AHEAD, window, ahead
        if AlertKind.BREACH in rules.kinds and span.breached_at(now) is not None:
            yield AlertKind.BREACH, window, due


def _urgent_since(log: Sequence[Event]) -> datetime | None:
    """When the case became urgent, at its opening or later; None where it is not."""
    since: datetime | None = None
    for event in effective(log):
        if event.kind in {EventKind.OPENED, EventKind.SEVERITY_CHANGED}:
            urgent = event.data["severity"] == Severity.URGENT.word
            since = (since or event.at) if urgent else None
    return since


def _running_at(span: Span, moment: datetime) -> bool:
    return span.stopped_at is None or span.stopped_at > moment
