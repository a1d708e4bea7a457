"""From events to a case, in the order in which they happened and less what was undone, without a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.case import CaseId, CaseState
from desk.model.event import SYSTEM, UNDOABLE, EventKind
from desk.model.timeline import effective, project
from tests.desk.case_log import FIRST, RESOLUTION, K, Log
from tests.kernel import NOON, after


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
            K.BRAND_REPLIED: {"automatic": flag, "reply": None if flag else 1},
            K.REPLY_APPROVED: {"reply": 1},
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
