"""Watching the clocks: snoozed cases come back, and what a team must not miss becomes an alert, once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from desk.caselog import advance
from desk.errors import DeliveryError
from desk.model.alert import AlertKind, Delivery, DeliveryState, Notice
from desk.model.case import CaseId, Severity
from desk.model.event import Event, EventKind
from desk.model.sla import Clock
from desk.model.timeline import Span, effective, spans
from desk.ports import AlertChannel
from desk.store import Store, alerts, cases, events, marks, mentions
from desk.store.columns import to_ms

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Waits between attempts (Standard Webhooks specification, "Deliverability and reliability")."""
_LEASE_SECONDS = 120.0
"""A deliverer that has not reported by then is taken for dead, and another tries."""
PASS_SIZE = 3
"""Deliveries that one pass makes at most: each may take a channel's whole time-out."""
_EXCERPT = 280


@dataclass(frozen=True, slots=True)
class AlertRules:
    """What the operator wants to be told."""

    kinds: frozenset[AlertKind] = frozenset(AlertKind)
    ahead: timedelta = timedelta(minutes=15)
    """How long before a breach it is announced."""
    stale_after: timedelta = timedelta(hours=24)
    """What became true longer ago than this is recorded, but bothers nobody (a backfill, an outage)."""


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
    """A rule that has become true for a case."""

    case_id: CaseId
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
        if last == marks.get(db, _seen_events(sweeper)) and not any(
            alerts.is_news(db, one.kind, one.case_id, one.window) for one in found
        ):
            return 0
    raised = 0
    with store.write() as db:
        last = events.last_seq(db)
        for one in _find(db, rules, now, sweeper):
            alert_id = alerts.insert(
                db, kind=one.kind, case_id=one.case_id, window=one.window, at=one.at, raised_at=now
            )
            raised += alert_id is not None
            if now - one.at <= rules.stale_after:
                # Also what a sweeper without channels, a replay, has raised before.
                alerts.address(db, one.kind, one.case_id, one.window, channels, now)
        marks.put(db, _seen_events(sweeper), last)
        marks.put(db, _swept_until(sweeper), to_ms(now))
    return raised


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


def deliver_due(store: Store, channels: Mapping[str, AlertChannel], now: datetime) -> int:
    """Try every delivery that is due; how many were taken. Network calls happen outside transactions."""
    with store.read() as db:
        due = alerts.due(db, now)
    delivered = 0
    # What another process delivers stays pending. A pass is kept short, so that its leases hold to its end.
    for delivery in [d for d in due if d.channel in channels][:PASS_SIZE]:
        channel = channels[delivery.channel]
        with store.write() as db:
            notice = _notice(store, delivery)
            if notice is None:
                alerts.change(db, delivery, DeliveryState.MOOT, attempts=delivery.attempts)
                continue
            lease = now + timedelta(seconds=_LEASE_SECONDS)
            mine = alerts.change(
                db, delivery, DeliveryState.PENDING, attempts=delivery.attempts + 1, next_attempt_at=lease
            )
        if mine:
            tried = replace(delivery, attempts=delivery.attempts + 1)
            delivered += _deliver(store, channel, tried, notice, now)
    return delivered


def _deliver(store: Store, channel: AlertChannel, tried: Delivery, notice: Notice, now: datetime) -> bool:
    try:
        channel.deliver(notice)
    except DeliveryError as error:
        wait = _wait_seconds(tried, notice, error)
        with store.write() as db:
            alerts.change(
                db,
                tried,
                DeliveryState.DEAD if wait is None else DeliveryState.PENDING,
                attempts=tried.attempts,
                next_attempt_at=now + timedelta(seconds=wait or 0),
                error=str(error),
            )
        return False
    with store.write() as db:
        alerts.change(db, tried, DeliveryState.DELIVERED, attempts=tried.attempts)
    return True


def _wait_seconds(tried: Delivery, notice: Notice, error: DeliveryError) -> float | None:
    """How long to wait before the next attempt; None when there is to be none."""
    if error.permanent or tried.attempts > len(RETRY_SECONDS):
        return None
    planned = RETRY_SECONDS[tried.attempts - 1]
    jitter = random.Random(f"{notice.message_id}{tried.attempts}").uniform(1.0, 1.1)  # noqa: S311
    return max(planned * jitter, error.retry_after_seconds or 0.0)


def retry_dead(store: Store, now: datetime) -> int:
    """A person sends the dead letters again; how many."""
    with store.write() as db:
        dead = alerts.in_state(db, DeliveryState.DEAD)
        for delivery in dead:
            alerts.change(db, delivery, DeliveryState.PENDING, attempts=0, next_attempt_at=now)
    return len(dead)


def _notice(store: Store, delivery: Delivery) -> Notice | None:
    """What to say, as things stand now; None when a warning has been overtaken by an answer."""
    alert = delivery.alert
    with store.read() as db:
        case = cases.get(db, alert.case_id)
        if case is None:
            return None
        if alert.kind is AlertKind.BREACH_AHEAD and (case.due_at is None or case.unanswered == 0):
            return None
        mention = mentions.get(db, case.last_mention_id)
    if mention is None:
        return None
    return Notice(
        message_id=f"alert-{alert.id}-{delivery.channel}",
        kind=alert.kind,
        at=alert.at,
        case_id=case.id,
        brand=case.brand,
        source=case.source,
        severity=case.severity.word,
        state=case.state,
        assignee=case.assignee,
        due_at=case.due_at,
        customer=f"@{mention.author.handle}",
        excerpt=mention.text[:_EXCERPT],
        url=mention.url,
    )
