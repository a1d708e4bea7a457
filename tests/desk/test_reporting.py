"""The SLA report against figures worked out by hand."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk import casework, intake, reporting
from desk.model.case import CaseId, Severity
from desk.model.report import Attainment, Durations, GroupBy, Report, Scope, percentile
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.ports import Batch, Gap
from desk.triage import Rules
from tests.kernel import (
    HOUR,
    NOON,
    WEEKDAYS_9_TO_17,
    Desk,
    FakeSender,
    after,
    brand_post,
    post,
    utc,
)

FIRST, NEXT, RESOLUTION = Clock.FIRST_RESPONSE, Clock.NEXT_RESPONSE, Clock.RESOLUTION
DAY = utc("2026-11-17 00:00"), utc("2026-11-18 00:00")
MADE = after(600)


def build(
    desk: Desk,
    by: GroupBy | None = None,
    scope: Scope = Scope.COMPLAINTS,
    now: datetime = MADE,
    period: tuple[datetime, datetime] = DAY,
) -> Report:
    return reporting.build(
        desk.store, opened_from=period[0], opened_to=period[1], now=now, scope=scope, by=by
    )


@pytest.fixture
def tuesday(desk: Desk) -> Desk:
    """Six cases of one day, one of the next; minutes after noon.

    1 anna, thread t1, at 0: mia answers at 30; anna again at 60, leo at 70; resolved at 120.
    2 bob, thread t2, at 10, furious: answered in the app at 100, a breach of the hour.
    3 carol, thread t1, at 20: nobody answers, a breach at 80.
    4 dan, at 30: perhaps a complaint. 5 eve, at 40: dismissed. 6 fay, at 590 in German: not due yet.
    7 gil, tomorrow.
    """
    sender = FakeSender()
    desk.take(
        post("1", by="anna"),
        post("2", "I am furious", after(10), by="bob", thread="t2"),
        post("3", "Mine neither", after(20), by="carol"),
        post("4", "hmm", after(30), by="dan", thread="t4"),
        post("5", "A broken link in your advert", after(40), by="eve", thread="t5"),
    )
    desk.answer(sender, now=after(30), agent="mia")
    casework.dismiss(desk.store, CaseId(5), agent="mia", reason="noise", now=after(45))
    desk.take(post("6", "Still nothing", after(60), by="anna"))
    desk.answer(sender, now=after(70), agent="leo")
    desk.take(brand_post("90", at=after(100), thread="t2", reply_to="2"))
    casework.resolve(desk.store, CaseId(1), agent="leo", now=after(120))
    desk.take(post("7", "Wo bleibt es?", after(590), by="fay", thread="t6", language="de"))
    desk.take(post("8", at=after(days=1), by="gil", thread="t7"))
    return desk


def test_totals(tuesday: Desk) -> None:
    report = build(tuesday)
    total = report.total
    assert (total.cases, total.answered, total.unanswered, total.resolved) == (4, 2, 2, 1)
    assert total.answer_rate == 0.5
    assert report.dismissed == 1
    assert total.breaches == 2


def test_clocks(tuesday: Desk) -> None:
    clocks = build(tuesday).total.clocks
    first = clocks[FIRST]
    assert first.wall == first.working == Durations(2, 2700.0, 3600.0, 4500.0, 5040.0)  # of 1,800 and 5,400
    assert first.attainment == Attainment(met=1, missed=2, running=1)
    assert first.attainment.rate == pytest.approx(1 / 3)
    assert clocks[NEXT].wall == Durations(1, 600.0, 600.0, 600.0, 600.0)
    assert clocks[NEXT].attainment == Attainment(1, 0, 0)
    # Anna: open 0 to 120, less waiting 30 to 60 and 70 to 120.
    assert clocks[RESOLUTION].wall == Durations(1, 2400.0, 2400.0, 2400.0, 2400.0)
    assert clocks[RESOLUTION].attainment == Attainment(1, 0, 3)


def test_breaches_say_who_when_and_whether_it_stopped(tuesday: Desk) -> None:
    breaches = build(tuesday).breaches
    assert [(b.case_id, b.clock, b.due_at, b.stopped_at, b.agent) for b in breaches] == [
        (2, FIRST, after(70), after(100), reporting.NATIVE),
        (3, FIRST, after(80), None, None),
    ]


def test_running_clocks_are_judged_as_of_the_time_of_the_report(tuesday: Desk) -> None:
    assert [breach.case_id for breach in build(tuesday, now=after(649)).breaches] == [2, 3]
    assert [breach.case_id for breach in build(tuesday, now=after(650)).breaches] == [2, 3, 6]


def test_threads_count_once_however_many_customers_they_have(tuesday: Desk) -> None:
    """t1 has two cases and was answered after 30 minutes, t2 after 90, t6 not at all."""
    threads = build(tuesday).threads
    assert (threads.n, threads.answered) == (3, 2)
    assert threads.first_response == Durations(2, 2700.0, 3600.0, 4500.0, 5040.0)


def test_scope_all_counts_what_a_person_was_asked_to_look_at(tuesday: Desk) -> None:
    report = build(tuesday, scope=Scope.ALL)
    assert (report.total.cases, report.total.unanswered) == (5, 3)
    assert [breach.case_id for breach in report.breaches] == [2, 3, 4]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (GroupBy.AGENT, {"(native app)": 1, "(unanswered)": 2, "mia": 1}),
        (GroupBy.SEVERITY, {"high": 1, "normal": 3}),
        (GroupBy.LANGUAGE, {"de": 1, "en": 3}),
        (GroupBy.BRAND, {"fernway": 4}),
        (GroupBy.CHANNEL, {"bluesky": 4}),
        (GroupBy.POLICY, {"hour": 4}),
        (GroupBy.DAY, {"2026-11-17": 4}),
    ],
)
def test_groups_split_the_total(tuesday: Desk, by: GroupBy, groups: dict[str, int]) -> None:
    report = build(tuesday, by)
    assert {key: figures.cases for key, figures in report.groups} == groups
    assert [key for key, _ in report.groups] == sorted(groups)
    assert sum(figures.answered for _, figures in report.groups) == report.total.answered
    for clock in Clock:
        parts = [figures.clocks[clock].attainment for _, figures in report.groups]
        whole = report.total.clocks[clock].attainment
        assert sum(part.met for part in parts) == whole.met
        assert sum(part.missed for part in parts) == whole.missed
        assert sum(part.running for part in parts) == whole.running


def test_days(tuesday: Desk) -> None:
    report = build(tuesday, period=(DAY[0], utc("2026-11-19 00:00")), now=after(days=1))
    assert [(str(day.day), day.opened, day.answered) for day in report.days] == [
        ("2026-11-17", 4, 2),
        ("2026-11-18", 1, 0),
    ]


def test_the_period_is_half_open(tuesday: Desk) -> None:
    assert build(tuesday, period=(NOON, after(10))).total.cases == 1
    assert build(tuesday, period=(NOON, after(10.001))).total.cases == 2
    assert build(tuesday, period=(after(0.001), after(10))).total.cases == 0


def test_an_empty_period(desk: Desk) -> None:
    report = build(desk, GroupBy.BRAND)
    assert (report.total.cases, report.total.answer_rate, report.groups) == (0, None, ())
    assert report.total.clocks[FIRST].wall == Durations(0, None, None, None, None)
    assert report.total.clocks[FIRST].attainment.rate is None
    assert (report.breaches, report.days, report.threads.n, report.dismissed) == ((), (), 0, 0)


def test_what_happens_to_other_cases_later_changes_no_past_report(tuesday: Desk) -> None:
    before = build(tuesday, GroupBy.AGENT)
    tuesday.take(post("20", at=after(days=2), by="anna", thread="t20"))
    tuesday.take(post("21", at=after(days=3), by="hal", thread="t21"))
    tuesday.answer(FakeSender(), now=after(days=3, minutes=5), case=8)
    casework.resolve(tuesday.store, CaseId(9), agent="mia", now=after(days=3))
    tuesday.rules = Rules(tuesday.rules.triage, [PolicyRule(replace(HOUR, first_response_seconds=1))])
    assert build(tuesday, GroupBy.AGENT) == before


def test_looking_is_not_changing(tuesday: Desk) -> None:
    """Notes, claims, snoozing and a later severity move no figure of the case."""
    before = build(tuesday, GroupBy.SEVERITY)
    three = CaseId(3)
    casework.claim(tuesday.store, three, agent="mia", now=after(500))
    casework.note(tuesday.store, three, agent="mia", text="x", now=after(501))
    casework.set_severity(tuesday.store, three, agent="mia", severity=Severity.URGENT, now=after(502))
    casework.snooze(tuesday.store, three, agent="mia", until=after(9_999), now=after(503))
    assert build(tuesday, GroupBy.SEVERITY) == before


def test_a_dismissal_taken_back_counts_again(tuesday: Desk) -> None:
    casework.undo(tuesday.store, CaseId(5), agent="mia", now=after(500))
    assert (build(tuesday).total.cases, build(tuesday).dismissed) == (5, 0)
    casework.dismiss(tuesday.store, CaseId(5), agent="mia", reason="noise", now=after(501))
    assert build(tuesday).dismissed == 1
    casework.reopen(tuesday.store, CaseId(5), agent="mia", now=after(502))
    assert (build(tuesday).total.cases, build(tuesday).dismissed) == (5, 0)


def test_a_case_closed_without_an_answer_kept_no_promise(desk: Desk) -> None:
    """Closing is no answer: the first response was neither met nor, before its time, missed."""
    desk.take(post("1"), post("2", thread="t2", by="bob"))
    casework.resolve(desk.store, CaseId(1), agent="mia", now=after(30))
    casework.resolve(desk.store, CaseId(2), agent="mia", now=after(90))
    first = build(desk).total.clocks[FIRST]
    assert first.attainment == Attainment(met=0, missed=1, running=1)
    assert first.wall.n == 0
    assert build(desk).total.unanswered == 2


def test_working_time_and_wall_time_are_told_apart(desk: Desk) -> None:
    policy = SlaPolicy("office", replace(WEEKDAYS_9_TO_17, timezone="UTC"), first_response_seconds=1800)
    desk.rules = Rules(desk.rules.triage, [PolicyRule(policy)])
    friday = utc("2026-11-20 16:45")
    desk.take(post("1", at=friday))
    desk.answer(FakeSender(), now=utc("2026-11-23 09:15"))
    report = build(
        desk, period=(utc("2026-11-20 00:00"), utc("2026-11-21 00:00")), now=utc("2026-12-01 00:00")
    )
    first = report.total.clocks[FIRST]
    assert (first.working.p50, first.wall.p50) == (1800.0, 64.5 * 3600)
    assert first.attainment == Attainment(1, 0, 0)
    assert [promised.id for promised in report.policies] == [policy.id]


def test_a_clock_without_a_target_is_timed_and_not_judged(desk: Desk) -> None:
    desk.rules = Rules(desk.rules.triage, [PolicyRule(SlaPolicy("free"))])
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(30))
    first = build(desk).total.clocks[FIRST]
    assert (first.wall.n, first.attainment) == (1, Attainment(0, 0, 0))


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=40), st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1]))
def test_percentiles_are_numpys(values: list[float], share: float) -> None:
    assert percentile(sorted(values), share) == pytest.approx(float(np.percentile(values, share * 100)))


@given(st.lists(st.floats(0, 1e7), min_size=2, max_size=40))
def test_quartiles_are_those_of_the_standard_library(values: list[float]) -> None:
    durations = Durations.of(values)
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    assert [durations.p25, durations.p50, durations.p75] == pytest.approx(quartiles)
    assert durations.n == len(values)


def test_a_threads_first_answer_is_the_earliest_of_its_cases(desk: Desk) -> None:
    desk.take(post("1", by="anna"), post("2", "Mine neither", after(1), by="bob"))
    desk.answer(FakeSender(), now=after(10), case=1)
    desk.answer(FakeSender(), now=after(30), case=2)
    threads = build(desk).threads
    assert (threads.n, threads.answered, threads.first_response.p50) == (1, 1, 600.0)


def test_gaps_that_overlap_the_period_are_in_the_report(desk: Desk) -> None:
    gaps = [
        Gap(utc("2026-11-16 20:00"), utc("2026-11-17 00:00"), "ends as the day begins"),
        Gap(utc("2026-11-16 20:00"), utc("2026-11-17 01:00"), "reaches into the day"),
        Gap(utc("2026-11-17 23:00"), utc("2026-11-19 00:00"), "begins in the day"),
        Gap(utc("2026-11-18 00:00"), utc("2026-11-18 01:00"), "begins as the day ends"),
    ]
    intake.record(desk.store, "x:search", Batch(gaps=gaps), after(1))
    missing = build(desk).missing
    assert [(each.source, each.reason) for each in missing] == [
        ("x:search", "reaches into the day"),
        ("x:search", "begins in the day"),
    ]


def test_copies_are_counted_apart_and_change_no_figure(desk: Desk) -> None:
    words = "Fernway closes the only depot in our valley and sends a hundred people home before winter"
    desk.take(post("1", words), post("2", "My vase is broken", thread="t2", by="bob"))
    before = build(desk)
    desk.take(*(post(f"c{n}", words, after(n), by=f"u{n}", thread=f"c{n}") for n in range(1, 6)))
    made = build(desk)
    assert (made.copies, before.copies) == (5, 0)
    assert replace(made, copies=0) == before
    casework.dismiss(desk.store, CaseId(1), agent="mia", reason="Spam", now=after(50))
    assert build(desk).copies == 0, "copies of a dismissed case are as little counted as the case"
