"""Sweeps over the clocks, and what they leave to deliver; shared by the tests of alerts."""

from __future__ import annotations

from desk import watch
from desk.model.alert import AlertKind, Delivery, DeliveryState
from desk.store import alerts
from tests.kernel import Desk, after

RULES = watch.AlertRules()
BREACH, AHEAD, URGENT = AlertKind.BREACH, AlertKind.BREACH_AHEAD, AlertKind.URGENT


def sweep(desk: Desk, minute: float, rules: watch.AlertRules = RULES) -> int:
    return watch.raise_alerts(desk.store, rules, ["chat"], after(minute))


def waiting(desk: Desk, state: DeliveryState = DeliveryState.PENDING) -> list[Delivery]:
    with desk.store.read() as db:
        return alerts.in_state(db, state)
