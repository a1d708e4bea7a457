"""Watching the clocks: what a team must not miss is said once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from desk import casework, watch
from desk.model.alert import Alert, AlertKind
from desk.model.case import CaseId, CaseState, Severity
from desk.model.event import EventKind
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.store import Store
from desk.store.columns import to_ms
from desk.triage import Rules, TriagePolicy
from tests.desk.alerting import AHEAD, BREACH, RULES, URGENT, sweep, waiting
from tests.kernel import NOON, WEEKDAYS_9_TO_17, Desk, FakeSender, after, post, utc

ONE = CaseId(1)


def raised(desk: Desk) -> list[tuple[AlertKind, int, object]]:
    with desk.store.read() as db:
        rows = db.execute("SELECT kind, case_id, at FROM alerts ORDER BY id").fetchall()
        return [(AlertKind(kind), case, (at - to_ms(NOON)) / 60_000) for kind, case, at in rows]


def test_nothing_is_said_before_it_is_true(desk: Desk) -> None:
    desk.take(post("1"))
    assert sweep(desk, 44.9) == 0


def test_a_breach_is_announced_and_then_raised_each_once(desk: Desk) -> None:
    desk.take(post("1"))
    assert [sweep(desk, minute) for minute in (1, 45, 46, 59, 60, 61, 600)] == [0, 1, 0, 0, 1, 0, 0]
    assert raised(desk) == [(AHEAD, 1, 45.0), (BREACH, 1, 60.0)]


def test_a_breach_between_two_sweeps_is_found_with_its_own_time(desk: Desk) -> None:
    """Case 32: due at 60, answered at 70, swept at 1 and at 300."""
    desk.take(post("1"))
    sweep(desk, 1)
    desk.answer(FakeSender(), now=after(70))
    sweep(desk, 300)
    assert (BREACH, 1, 60.0) in raised(desk)


def test_a_breach_nobody_touches_is_found_however_late(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 1)
    sweep(desk, 10_000)
    assert (BREACH, 1, 60.0) in raised(desk)


def test_an_answer_in_time_is_no_breach_however_late_the_sweep(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(60))
    sweep(desk, 600)
    assert BREACH not in {kind for kind, _, _ in raised(desk)}


@pytest.mark.parametrize("minutes", [[60], [1, 60], [50, 60], [59.99, 60], [60, 60]])
def test_the_rhythm_of_the_sweeps_does_not_matter(desk: Desk, minutes: list[float]) -> None:
    desk.take(post("1"))
    for minute in minutes:
        sweep(desk, minute)
    assert raised(desk) == [(AHEAD, 1, 45.0), (BREACH, 1, 60.0)]


def test_two_sweepers_at_once_raise_one(desk: Desk) -> None:
    """Case 32."""
    for number in range(1, 21):
        desk.take(post(str(number), thread=f"t{number}", by=f"u{number}"))
    stores = [Store(desk.store.path) for _ in range(3)]
    start, counts = threading.Barrier(3), []

    def work(store: Store) -> None:
        start.wait()
        counts.append(watch.raise_alerts(store, RULES, ["chat"], after(61)))

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0, 0, 40]
    assert len(waiting(desk)) == 40
    for store in stores:
        store.close()


def test_the_next_response_breaches_anew(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(30))
    desk.take(post("2", "Hello?", after(100)))
    sweep(desk, 131)
    assert raised(desk) == [(AHEAD, 1, 115.0), (BREACH, 1, 130.0)]


def test_a_response_is_watched_although_the_resolution_is_overdue(desk: Desk) -> None:
    """The case's earliest due time lies in the past; the customer's new post is due all the same."""
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(hours=23))
    desk.take(post("2", "Hello?", after(hours=30)), post("3", "Anybody?", after(hours=50)))
    desk.answer(FakeSender(), now=after(hours=50.1))
    desk.take(post("4", "And now?", after(hours=60)))
    watch.raise_alerts(desk.store, RULES, ["chat"], after(hours=60))
    assert desk.case().due_clock is Clock.RESOLUTION
    watch.raise_alerts(desk.store, RULES, ["chat"], after(hours=61))
    with desk.store.read() as db:
        windows = [row[0] for row in db.execute("SELECT \"window\" FROM alerts WHERE kind = 'breach'")]
    assert f"next_response:{after(hours=60.5).isoformat()}" in windows


def test_a_warning_is_not_raised_for_what_was_answered_before_it(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(30))
    sweep(desk, 600)
    assert raised(desk) == []


def test_a_target_shorter_than_the_warning_warns_at_its_start(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 0, watch.AlertRules(ahead=timedelta(hours=5)))
    assert raised(desk) == [(AHEAD, 1, 0.0)]


def test_kinds_that_nobody_wants_are_not_raised(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH})))
    assert raised(desk) == [(BREACH, 1, 60.0)]


def test_an_urgent_case_is_said_at_once(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(urgent_terms=("lawyer",)), desk.rules.sla)
    desk.take(post("1", "My lawyer will write"))
    sweep(desk, 0)
    sweep(desk, 1)
    assert raised(desk) == [(URGENT, 1, 0.0)]


def test_a_case_that_becomes_urgent_days_later_is_said_too(desk: Desk) -> None:
    """It became true when the severity changed, not when the case was opened."""
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(10))
    casework.set_severity(desk.store, ONE, agent="mia", severity=Severity.URGENT, now=after(days=3))
    watch.raise_alerts(desk.store, RULES, ["chat"], after(days=3, minutes=1))
    assert raised(desk) == [(URGENT, 1, 3 * 1440.0)]
    assert len(waiting(desk)) == 1


def test_what_is_long_past_is_recorded_and_bothers_nobody(desk: Desk) -> None:
    """Case 31: a backfill."""
    desk.take(post("1", seen=after(days=3)))
    watch.raise_alerts(desk.store, RULES, ["chat"], after(days=3))
    assert [kind for kind, _, _ in raised(desk)] == [AHEAD, BREACH]
    assert waiting(desk) == []


def test_a_dismissed_case_is_not_watched(desk: Desk) -> None:
    desk.take(post("1"))
    casework.dismiss(desk.store, ONE, agent="mia", reason="noise", now=after(1))
    sweep(desk, 600)
    assert raised(desk) == []


def test_a_snoozed_case_is_watched(desk: Desk) -> None:
    desk.take(post("1"))
    casework.snooze(desk.store, ONE, agent="mia", until=after(600), now=after(1))
    sweep(desk, 61)
    assert (BREACH, 1, 60.0) in raised(desk)


def test_snoozed_cases_come_back_when_their_time_has_come(desk: Desk) -> None:
    desk.take(post("1"), post("2", thread="t2"))
    casework.claim(desk.store, ONE, agent="mia", now=after(1))
    for number, minute in ((1, 60), (2, 90)):
        casework.snooze(desk.store, CaseId(number), agent="mia", until=after(minute), now=after(2))
    assert [watch.wake_due(desk.store, after(minute)) for minute in (59.9, 60, 61)] == [0, 1, 0]
    assert (desk.case(1).state, desk.case(2).state) == (CaseState.ASSIGNED, CaseState.SNOOZED)
    assert watch.wake_due(desk.store, after(900)) == 1
    assert desk.case(2).state is CaseState.NEW
    assert desk.log(2)[-1].kind is EventKind.WOKEN


def test_the_golden_example_is_raised_on_monday_at_a_quarter_past_nine(desk: Desk) -> None:
    office = replace(WEEKDAYS_9_TO_17, timezone="UTC")
    desk.rules = Rules(TriagePolicy(), [PolicyRule(SlaPolicy("o", office, first_response_seconds=1800))])
    desk.take(post("1", at=utc("2026-11-20 16:45")))
    rules = watch.AlertRules(kinds=frozenset({BREACH}))
    monday = utc("2026-11-23 09:15")
    assert watch.raise_alerts(desk.store, rules, ["chat"], monday - timedelta(milliseconds=1)) == 0
    assert watch.raise_alerts(desk.store, rules, ["chat"], monday) == 1
    alert: Alert = waiting(desk)[0].alert
    assert (alert.at, alert.window) == (monday, f"first_response:{monday.isoformat()}")
