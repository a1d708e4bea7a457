"""Which posts start the clocks of an answer, and which replies stop them, without a store.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from desk.model.case import CaseState, Severity
from desk.model.event import SYSTEM, EventKind
from desk.model.sla import SlaPolicy
from tests.desk.case_log import FIRST, NEXT, RESOLUTION, K, Log
from tests.kernel import NOON, WEEKDAYS_9_TO_17, after, utc


def test_a_new_case_runs_first_response_and_resolution_from_the_posts_own_time() -> None:
    log = Log()
    case = log.case
    assert (case.state, case.severity, case.assignee) == (CaseState.NEW, Severity.NORMAL, None)
    assert (case.due_at, case.due_clock) == (after(60), FIRST)
    assert (case.unanswered, case.last_mention_id, case.last_customer_at) == (1, "m1", NOON)
    assert log.runs(FIRST) == [(NOON, None)]
    assert log.runs(RESOLUTION) == [(NOON, None)]
    assert log.runs(NEXT) == []


def test_the_oldest_of_several_posts_starts_and_the_first_reply_stops() -> None:
    """Cases 22 and 23."""
    log = Log()
    log.wrote("m2", after(10))
    log.wrote("m3", after(20))
    assert log.case.unanswered == 3
    assert log.case.due_at == after(60)
    log.replied("r1", after(30))
    log.replied("r2", after(50))
    assert log.runs(FIRST) == [(NOON, after(30))]
    assert log.runs(NEXT) == []
    assert log.case.first_response_at == after(30)
    assert (log.case.state, log.case.unanswered) == (CaseState.WAITING, 0)


def test_the_next_response_runs_from_the_oldest_unanswered_post() -> None:
    """Case 22, for the second clock."""
    log = Log()
    log.replied("r1", after(30))
    log.wrote("m2", after(60))
    log.wrote("m3", after(80))
    assert (log.case.due_at, log.case.due_clock) == (after(90), NEXT)
    log.replied("r2", after(100))
    log.replied("r3", after(101))
    assert log.runs(NEXT) == [(after(60), after(100))]
    assert log.runs(FIRST) == [(NOON, after(30))]
    assert log.case.first_response_at == after(30), "the first one, not the latest"


def test_thanks_after_the_answer_starts_no_clock_and_calls_nobody_back() -> None:
    """Case 24."""
    log = Log()
    log.replied("r1", after(30))
    log.wrote("m2", after(40), awaits=False)
    case = log.case
    assert (case.state, case.unanswered, case.due_at) == (CaseState.WAITING, 0, None)
    assert log.runs(NEXT) == []
    # It is kept all the same: the latest post is what an agent would answer.
    assert (case.last_mention_id, case.last_customer_at) == ("m2", after(40))


def test_an_internal_note_stops_no_clock() -> None:
    """Case 25."""
    log = Log()
    before = log.case
    log.add(K.NOTED, after(10), "mia", text="Called the depot")
    assert log.runs(FIRST) == [(NOON, None)]
    assert replace(log.case, version=before.version) == before


def test_an_automatic_reply_stops_no_clock() -> None:
    """Case 26."""
    log = Log()
    log.replied("bot", after(1), SYSTEM, automatic=True)
    assert log.runs(FIRST) == [(NOON, None)]
    assert (log.case.state, log.case.unanswered, log.case.first_response_at) == (CaseState.NEW, 1, None)
    log.replied("r1", after(30))
    assert log.runs(FIRST) == [(NOON, after(30))]


def test_a_reply_in_the_platforms_own_app_stops_the_clock() -> None:
    """Case 27."""
    log = Log()
    log.replied("native", after(30), SYSTEM)
    span = log.only(FIRST)
    assert (span.stopped_at, span.answered_by) == (after(30), SYSTEM)


@pytest.mark.parametrize("kind", [K.REPLY_APPROVED, K.REPLY_FAILED])
def test_a_reply_that_is_approved_or_failed_stops_no_clock(kind: EventKind) -> None:
    """Case 28."""
    log = Log()
    log.add(kind, after(10), "mia", reply=1, error="")
    assert log.runs(FIRST) == [(NOON, None)]
    assert log.case.state is CaseState.NEW


def test_wall_time_and_working_time_are_different_figures() -> None:
    policy = SlaPolicy("office", WEEKDAYS_9_TO_17, first_response_seconds=1800)
    log = Log(policy, opened=utc("2026-11-20 15:45"))  # Friday 16:45 in Berlin
    log.replied("r1", utc("2026-11-23 08:15"))  # Monday 09:15
    span = log.only(FIRST)
    assert span.working_seconds() == 1800
    assert span.wall_seconds() == (2 * 24 + 16.5) * 3600
    assert span.breached_at(utc("2026-12-01 00:00")) is None


def test_a_case_resolved_without_an_answer_has_no_responder() -> None:
    log = Log()
    log.add(K.RESOLVED, after(30), "mia")
    span = log.only(FIRST)
    assert (span.stopped_at, span.answered_by) == (after(30), None)
    assert span.breached_at(after(days=1)) is None
    assert log.case.due_at is None
    late = Log()
    late.add(K.RESOLVED, after(90), "mia")
    assert late.only(FIRST).breached_at(after(days=1)) == after(60)


def test_a_post_that_came_to_light_after_the_reply_still_waits() -> None:
    """Case 31: written before the answer, found after it: nobody can have answered it."""
    log = Log()
    log.replied("r1", after(30))
    log.wrote("late", after(20))
    case = log.case
    assert (case.state, case.unanswered) == (CaseState.NEW, 1)
    assert log.runs(FIRST) == [(NOON, after(30))]
    assert log.runs(NEXT) == [(after(20), None)]
    assert (case.due_at, case.due_clock) == (after(50), NEXT)
    log.replied("r2", after(40))
    assert log.runs(NEXT) == [(after(20), after(40))]
    assert log.case.state is CaseState.WAITING


def test_an_older_post_found_before_any_reply_moves_the_start_back() -> None:
    """Case 31."""
    log = Log()
    log.wrote("older", NOON - timedelta(minutes=30))
    assert log.runs(FIRST) == [(NOON - timedelta(minutes=30), None)]
    assert log.case.due_at == after(30)
    assert log.case.last_mention_id == "m1", "the latest post is still the latest"


def test_an_older_post_found_after_the_reply_does_not_make_the_reply_later() -> None:
    """Case 31: the reply is measured from what it answered."""
    log = Log()
    log.replied("r1", after(30))
    log.wrote("older", after(-30))
    assert log.runs(FIRST) == [(NOON, after(30))]
    assert log.runs(NEXT) == [(after(-30), None)]


def test_a_reply_found_late_stops_the_clock_at_its_own_time() -> None:
    """Case 31, the other way round."""
    log = Log()
    log.wrote("m2", after(40))
    log.replied("r1", after(20), SYSTEM)
    assert log.runs(FIRST) == [(NOON, after(20))]
    assert log.runs(NEXT) == [(after(40), None)]
    assert log.case.state is CaseState.NEW


def test_a_first_answer_that_comes_after_the_closing_still_counts() -> None:
    log = Log()
    log.add(K.RESOLVED, after(20), "mia")
    log.replied("r1", after(25))
    assert log.runs(FIRST) == [(NOON, after(25))]
    assert log.case.state is CaseState.RESOLVED
    assert log.case.closed_at == after(20)
