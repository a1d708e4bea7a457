"""From events to a case and its clocks, without a store.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.calendar import BusinessCalendar
from desk.model.case import Case, CaseId, CaseState, Severity
from desk.model.event import SYSTEM, UNDOABLE, Event, EventKind
from desk.model.mention import MentionId
from desk.model.sla import Clock, PolicyRule, SlaPolicy, choose_policy
from desk.model.timeline import Span, effective, project, spans
from tests.kernel import HOUR, NOON, WEEKDAYS_9_TO_17, after, utc

K = EventKind
FIRST, NEXT, RESOLUTION = Clock.FIRST_RESPONSE, Clock.NEXT_RESPONSE, Clock.RESOLUTION


class Log:
    """A case's log, written line by line; each line is recorded after the one before."""

    def __init__(self, policy: SlaPolicy = HOUR, opened: datetime = NOON, **data: Any) -> None:
        self.policies = {policy.id: policy}
        self.events: list[Event] = []
        self.add(
            K.OPENED,
            opened,
            conversation="bluesky:t1",
            source="bluesky",
            brand="fernway",
            customer=1,
            opening="complaint",
            severity="normal",
            language="en",
            reasons=[],
            linked_case=None,
            **data,
        )
        self.add(K.POLICY_CHOSEN, opened, policy=policy.id)
        self.wrote("m1", opened)

    def add(
        self, kind: EventKind, at: datetime, actor: str = SYSTEM, mention: str | None = None, **data: Any
    ) -> int:
        seq = len(self.events) + 1
        self.events.append(Event(kind, at, actor, MentionId(mention) if mention else None, data, seq, at))
        return seq

    def wrote(self, mention: str, at: datetime, *, awaits: bool = True) -> int:
        return self.add(K.CUSTOMER_WROTE, at, mention=mention, awaits_answer=awaits)

    def replied(self, mention: str, at: datetime, actor: str = "mia", *, automatic: bool = False) -> int:
        return self.add(K.BRAND_REPLIED, at, actor, mention, automatic=automatic, reply=None)

    def undo(self, seq: int, at: datetime) -> int:
        return self.add(K.UNDONE, at, "mia", seq=seq)

    @property
    def case(self) -> Case:
        return project(CaseId(1), self.events, self.policies)

    @property
    def spans(self) -> list[Span]:
        return spans(self.events, self.policies)

    def runs(self, clock: Clock) -> list[tuple[datetime, datetime | None]]:
        return [(span.started_at, span.stopped_at) for span in self.spans if span.clock is clock]

    def only(self, clock: Clock) -> Span:
        (span,) = [span for span in self.spans if span.clock is clock]
        return span


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


def test_wall_time_and_working_time_are_different_figures() -> None:
    policy = SlaPolicy("office", WEEKDAYS_9_TO_17, first_response_seconds=1800)
    log = Log(policy, opened=utc("2026-11-20 15:45"))  # Friday 16:45 in Berlin
    log.replied("r1", utc("2026-11-23 08:15"))  # Monday 09:15
    span = log.only(FIRST)
    assert span.working_seconds() == 1800
    assert span.wall_seconds() == (2 * 24 + 16.5) * 3600
    assert span.breached_at(utc("2026-12-01 00:00")) is None


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


def test_a_dismissed_case_has_no_resolution() -> None:
    log = Log()
    log.add(K.DISMISSED, after(30), "mia", reason="noise")
    assert log.runs(RESOLUTION) == []
    assert (log.case.state, log.case.due_at) == (CaseState.DISMISSED, None)


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


def test_claiming_and_releasing_change_the_owner_and_no_clock() -> None:
    log = Log()
    log.add(K.CLAIMED, after(1), "mia")
    assert (log.case.state, log.case.assignee) == (CaseState.ASSIGNED, "mia")
    log.add(K.CLAIMED, after(2), "leo")
    assert log.case.assignee == "leo"
    log.replied("r1", after(3), "leo")
    log.wrote("m2", after(4))
    assert log.case.state is CaseState.ASSIGNED, "the customer comes back to who answered"
    log.add(K.RELEASED, after(5), "leo")
    assert (log.case.state, log.case.assignee) == (CaseState.NEW, None)
    assert log.runs(FIRST) == [(NOON, after(3))]


def test_a_customer_who_writes_wakes_a_snoozed_case() -> None:
    log = Log()
    log.add(K.SNOOZED, after(1), "mia", until=after(600).isoformat())
    assert (log.case.state, log.case.due_at) == (CaseState.SNOOZED, after(60))
    log.wrote("m2", after(2))
    assert (log.case.state, log.case.snoozed_until) == (CaseState.NEW, None)


def test_the_policy_of_a_case_is_kept_when_policies_are_edited() -> None:
    """Cases 15 and 16: an edited calendar or target is another policy; a running case keeps its promise."""
    log = Log()
    stricter = replace(HOUR, first_response_seconds=60)
    closed_tuesdays = replace(
        HOUR, calendar=BusinessCalendar("always", "UTC", (((time(0), time(0)),), ()) + ((),) * 5)
    )
    log.policies |= {stricter.id: stricter, closed_tuesdays.id: closed_tuesdays}
    assert len({HOUR.id, stricter.id, closed_tuesdays.id}) == 3
    assert log.case.due_at == after(60)
    assert log.case.policy_id == HOUR.id
    assert Log(stricter).case.due_at == after(1)


def test_a_policy_survives_being_written_down() -> None:
    policy = SlaPolicy("office", WEEKDAYS_9_TO_17, 60, None, 3600)
    back = SlaPolicy.from_json(policy.to_json())
    assert back == policy
    assert back.id == policy.id


def test_the_first_rule_that_matches_chooses_the_policy() -> None:
    urgent, german, rest = SlaPolicy("urgent"), SlaPolicy("german"), SlaPolicy("rest")
    rules = [
        PolicyRule(urgent, severity="urgent"),
        PolicyRule(german, brand="fernway", source="x", language="de"),
        PolicyRule(rest, brand="fernway"),
    ]
    facts = {"brand": "fernway", "source": "x", "severity": "normal", "language": "de"}
    assert choose_policy(rules, **facts) is german
    assert choose_policy(rules, **{**facts, "severity": "urgent"}) is urgent
    assert choose_policy(rules, **{**facts, "source": "bluesky"}) is rest
    with pytest.raises(Exception, match=r"No SLA policy matches brand other.*rule that has no conditions"):
        choose_policy(rules, **{**facts, "brand": "other"})


UNDO: list[tuple[EventKind, Mapping[str, Any], list[EventKind]]] = [
    (K.CLAIMED, {}, []),
    (K.RELEASED, {}, [K.CLAIMED]),
    (K.SNOOZED, {"until": after(600).isoformat()}, []),
    (K.NOTED, {"text": "x"}, []),
    (K.CORRECTED, {"mention": "bluesky:1", "complaint": False}, []),
    (K.RESOLVED, {}, []),
    (K.REOPENED, {}, [K.RESOLVED]),
    (K.DISMISSED, {"reason": "noise"}, []),
    (K.SEVERITY_CHANGED, {"severity": "urgent"}, []),
    (K.REPLY_APPROVED, {"reply": 1}, []),
]


def test_every_undoable_act_has_its_row_here() -> None:
    assert {kind for kind, _, _ in UNDO} == UNDOABLE


@pytest.mark.parametrize(("kind", "data", "before"), UNDO, ids=[kind for kind, _, _ in UNDO])
def test_what_is_undone_leaves_no_trace_but_itself(
    kind: EventKind, data: Mapping[str, Any], before: list[EventKind]
) -> None:
    log = Log()
    for minute, each in enumerate(before, 1):
        log.add(each, after(minute), "mia")
    untouched, untouched_spans = log.case, log.spans
    seq = log.add(kind, after(10), "mia", **data)
    if kind not in {K.NOTED, K.CORRECTED, K.REPLY_APPROVED}:
        assert replace(log.case, version=untouched.version) != untouched
    log.undo(seq, after(11))
    assert replace(log.case, version=untouched.version) == untouched
    assert log.case.version == seq + 1, "who holds the older version is told"
    assert log.spans == untouched_spans


def test_what_counts_is_in_the_order_in_which_it_happened() -> None:
    log = Log()
    log.wrote("m2", after(20))
    log.wrote("m0", after(-5))
    assert [event.mention_id for event in effective(log.events) if event.kind is K.CUSTOMER_WROTE] == [
        "m0",
        "m1",
        "m2",
    ]
    assert effective(log.events)[0].kind is K.OPENED


_ACTS = st.sampled_from([k for k in EventKind if k not in {K.OPENED, K.POLICY_CHOSEN, K.UNDONE}])
_LINES = st.lists(
    st.tuples(_ACTS, st.integers(-30, 300), st.booleans(), st.sampled_from(["mia", "leo", SYSTEM])),
    max_size=14,
)


def _any_log(lines: list[tuple[EventKind, int, bool, str]], undone: set[int] | None = None) -> Log:
    log = Log()
    for number, (kind, at, flag, actor) in enumerate(lines):
        minute = at
        data: dict[str, Any] = {
            K.CUSTOMER_WROTE: {"awaits_answer": flag},
            K.POST_EDITED: {"awaits_answer": flag},
            K.BRAND_REPLIED: {"automatic": flag, "reply": None},
            K.SNOOZED: {"until": after(minute + 60).isoformat()},
            K.SEVERITY_CHANGED: {"severity": "urgent" if flag else "low"},
        }.get(kind, {})
        posted = kind in {K.CUSTOMER_WROTE, K.POST_EDITED, K.BRAND_REPLIED}
        if kind is not K.CUSTOMER_WROTE:
            minute = abs(minute)  # only posts come to light late: nobody acts before there is a case
        seq = log.add(kind, after(minute), actor, f"p{number}" if posted else None, **data)
        if undone and number in undone and kind in UNDOABLE:
            log.undo(seq, after(minute))
    return log


@given(_LINES, st.sets(st.integers(0, 13)))
def test_law_any_order_of_events_projects_and_its_figures_make_sense(
    lines: list[tuple[EventKind, int, bool, str]], undone: set[int]
) -> None:
    log = _any_log(lines, undone)
    case = log.case
    assert (case.state is CaseState.SNOOZED) == (case.snoozed_until is not None)
    assert (case.closed_at is not None) == (case.state in {CaseState.RESOLVED, CaseState.DISMISSED})
    if case.unanswered:
        assert case.state is not CaseState.WAITING, "somebody waits for us: it cannot be their turn"
    assert case.version == max(event.seq for event in log.events)
    for span in log.spans:
        if span.stopped_at is None:
            assert case.closed_at is None
            continue
        if span.clock is not RESOLUTION and span.answered_by is None:
            assert span.stopped_at == case.closed_at
            continue
        wall, working = span.wall_seconds(), span.working_seconds()
        assert wall is not None and working is not None
        assert -1e-6 <= wall <= (span.stopped_at - span.started_at).total_seconds()
        assert working == pytest.approx(wall), "this calendar is always open"
    assert sum(span.clock is RESOLUTION for span in log.spans) <= 1
    assert sum(span.clock is FIRST for span in log.spans) <= 1


@given(_LINES, st.randoms(use_true_random=False))
def test_law_the_order_of_the_rows_does_not_matter_only_their_times_and_numbers(
    lines: list[tuple[EventKind, int, bool, str]], random: Any
) -> None:
    log = _any_log(lines)
    shuffled = log.events.copy()
    random.shuffle(shuffled)
    assert project(CaseId(1), shuffled, log.policies) == log.case
