"""The resolution clock pauses while the customer has to answer, and goes on, without a store.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from datetime import timedelta

from desk.model.case import CaseState
from desk.model.sla import SlaPolicy
from tests.desk.case_log import NEXT, RESOLUTION, K, Log
from tests.kernel import NOON, WEEKDAYS_9_TO_17, after, utc


def test_resolution_pauses_while_waiting_on_the_customer() -> None:
    log = Log()
    log.replied("r1", after(hours=1))
    assert log.case.due_at is None, "the clock pauses: nothing is due"
    log.wrote("m2", after(hours=11))
    log.replied("r2", after(hours=12))
    log.add(K.RESOLVED, after(hours=20), "mia")
    span = log.only(RESOLUTION)
    assert span.pauses == ((after(hours=1), after(hours=11)), (after(hours=12), after(hours=20)))
    assert span.wall_seconds() == 2 * 3600
    assert span.working_seconds() == 2 * 3600
    assert span.breached_at(after(days=9)) is None, "two hours of a day, the rest was the customer's"


def test_resolution_is_due_later_by_its_pauses() -> None:
    log = Log()
    log.replied("r1", after(hours=1))
    log.wrote("m2", after(hours=31))
    assert log.only(RESOLUTION).due_at() == after(hours=24 + 30)
    assert log.only(RESOLUTION).breached_at(after(hours=54)) == after(hours=54)
    assert log.only(RESOLUTION).breached_at(after(hours=53)) is None


def test_a_target_that_passed_before_the_pause_stays_passed() -> None:
    log = Log()
    log.replied("r1", after(hours=25))
    assert log.only(RESOLUTION).due_at() == after(hours=24)
    assert log.only(RESOLUTION).breached_at(after(hours=30)) == after(hours=24)


def test_pausing_and_resuming_within_a_minute_loses_and_doubles_nothing() -> None:
    """Case 19."""
    log = Log()
    for second in range(0, 50, 10):
        log.replied(f"r{second}", NOON + timedelta(seconds=60 + second))
        log.wrote(f"w{second}", NOON + timedelta(seconds=60 + second + 4))
    span = log.only(RESOLUTION)
    assert len(span.pauses) == 5
    assert span.due_at() == after(days=1) + timedelta(seconds=5 * 4)
    log.add(K.RESOLVED, after(10), "mia")
    assert log.only(RESOLUTION).wall_seconds() == 600 - 5 * 4


def test_from_waiting_straight_to_snoozed_counts_nothing_twice() -> None:
    """Case 20: waiting on the customer pauses, being put away does not."""
    log = Log()
    log.replied("r1", after(10))
    log.add(K.SNOOZED, after(30), "mia", until=after(90).isoformat())
    assert log.case.snoozed_until == after(90)
    log.add(K.WOKEN, after(90))
    log.add(K.RESOLVED, after(100), "mia")
    span = log.only(RESOLUTION)
    assert span.pauses == ((after(10), after(30)),)
    assert span.wall_seconds() == (10 + 70) * 60
    assert log.case.snoozed_until is None


def test_a_reply_on_its_way_does_not_wake_a_case_that_was_put_away_after_it() -> None:
    """Who answers and wants to see the case again on Monday sees it on Monday."""
    log = Log()
    log.add(K.REPLY_APPROVED, after(1), "mia", reply=1)
    log.add(K.SNOOZED, after(1.05), "mia", until=after(90).isoformat())
    log.replied("r1", after(1.1), reply=1)
    assert (log.case.state, log.case.unanswered, log.case.snoozed_until) == (CaseState.SNOOZED, 0, after(90))
    log.replied("r2", after(2))
    assert (log.case.state, log.case.snoozed_until) == (CaseState.WAITING, None)


def test_a_pause_that_begins_outside_hours_takes_only_working_time() -> None:
    """Case 21: answered in the evening, the customer comes back during the next working day."""
    policy = SlaPolicy("office", WEEKDAYS_9_TO_17, resolution_seconds=4 * 3600)
    log = Log(policy, opened=utc("2026-11-17 14:00"))  # 15:00 in Berlin: two hours left today
    log.replied("r1", utc("2026-11-17 19:00"))
    log.wrote("m2", utc("2026-11-18 11:00"))  # 12:00 in Berlin
    assert log.only(RESOLUTION).due_at() == utc("2026-11-18 13:00")
    log.add(K.RESOLVED, utc("2026-11-18 12:00"), "mia")
    span = log.only(RESOLUTION)
    assert span.working_seconds() == 3 * 3600
    assert span.wall_seconds() == (5 + 1) * 3600


def test_a_reopened_case_goes_on_with_its_resolution_clock() -> None:
    """Case 29, within the window: the time spent closed does not count, the time before does."""
    log = Log()
    log.replied("r1", after(hours=1))
    log.add(K.RESOLVED, after(hours=2), "mia")
    assert (log.case.closed_at, log.case.state) == (after(hours=2), CaseState.RESOLVED)
    log.add(K.REOPENED, after(hours=50))
    log.wrote("m2", after(hours=50))
    case = log.case
    assert (case.state, case.closed_at, case.unanswered) == (CaseState.NEW, None, 1)
    assert log.only(RESOLUTION).due_at() == after(hours=50 + 23)
    assert (case.due_at, case.due_clock) == (after(hours=50.5), NEXT)
    log.replied("r2", after(hours=51))
    log.add(K.RESOLVED, after(hours=60), "mia")
    assert log.only(RESOLUTION).wall_seconds() == 2 * 3600


def test_a_dismissed_case_has_no_resolution() -> None:
    log = Log()
    log.add(K.DISMISSED, after(30), "mia", reason="noise")
    assert log.runs(RESOLUTION) == []
    assert (log.case.state, log.case.due_at) == (CaseState.DISMISSED, None)
