"""Alerts on their way to each channel: claimed by one deliverer, tried again, and never dropped unseen."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from desk.errors import DeliveryError
from desk.model.alert import (
    Alert,
    AlertKind,
    CaseNotice,
    Delivery,
    DeliveryState,
    Notice,
    SourceNotice,
)
from desk.model.case import CaseId
from desk.model.health import SourceName
from desk.model.platform import written
from desk.ports import AlertChannel
from desk.store import Store, alerts, cases, mentions, sources

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Waits between attempts (Standard Webhooks specification, "Deliverability and reliability")."""
_LEASE_SECONDS = 120.0
"""A deliverer that has not reported by then is taken for dead, and another tries."""
PASS_SIZE = 3
"""Deliveries that one pass makes at most: each may take a channel's whole time-out."""
_EXCERPT = 280


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
    """What to say, as things stand now; None when it has been overtaken and is worth nothing any more."""
    alert, message_id = delivery.alert, f"alert-{delivery.alert.id}-{delivery.channel}"
    with store.read() as db:
        if isinstance(alert.subject, int):
            return _of_case(db, alert, alert.subject, message_id)
        return _of_source(db, alert, alert.subject, message_id)


def _of_case(db: Database, alert: Alert, case_id: CaseId, message_id: str) -> CaseNotice | None:
    case = cases.get(db, case_id)
    if case is None:
        return None
    if alert.kind is AlertKind.BREACH_AHEAD and (case.due_at is None or case.unanswered == 0):
        return None
    mention = mentions.get(db, case.last_mention_id)
    if mention is None:
        return None
    return CaseNotice(
        message_id=message_id,
        kind=alert.kind,
        at=alert.at,
        case_id=case.id,
        brand=case.brand,
        source=case.source,
        severity=case.severity.word,
        state=case.state,
        assignee=case.assignee,
        due_at=case.due_at,
        customer=written(mention.source, mention.author.handle),
        excerpt="" if mention.private else mention.text[:_EXCERPT],
        url=mention.url,
        private=mention.private,
    )


def _of_source(db: Database, alert: Alert, name: SourceName, message_id: str) -> SourceNotice | None:
    status = sources.status(db, name)
    if status is None or status.last_success != alert.window:
        return None  # it has come back
    return SourceNotice(
        message_id=message_id,
        kind=alert.kind,
        at=alert.at,
        source=status.name,
        state=status.state,
        last_success_at=status.last_success_at,
        error=status.last_error,
        permanent=status.permanent_since is not None,
    )
