"""A customer's posts and their cases: what opens one, joins it, or brings it back, however late it is found.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from desk import casework
from desk.model.case import CaseState, Severity
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.triage import Rules, TriagePolicy
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post


def test_a_complaint_opens_a_case_that_says_why(desk: Desk) -> None:
    desk.take(post("1"))
    case = desk.case()
    assert (case.state, case.opened_at, case.due_at) == (CaseState.NEW, NOON, after(60))
    opened = desk.log()[0]
    assert opened.data["reasons"] == ["A complaint with 90%."]
    assert desk.decision("bluesky:1") == ("open", 1)


def test_a_case_is_timed_from_the_post_not_from_its_arrival(desk: Desk) -> None:
    """Case 31: found three days late, it breached three days ago."""
    desk.take(post("1", seen=after(days=3)))
    assert desk.case().opened_at == NOON
    assert desk.span(Clock.FIRST_RESPONSE).breached_at(after(days=3)) == after(60)
    assert desk.log()[0].recorded_at == after(days=3)


def test_the_same_customer_in_the_same_thread_joins(desk: Desk) -> None:
    desk.take(post("1"), post("2", "And the box was open", after(5)))
    assert desk.case_ids() == [1]
    assert desk.case().unanswered == 2


def test_another_customer_in_the_thread_has_a_case_of_their_own(desk: Desk) -> None:
    desk.take(post("1"), post("2", "Mine neither", after(5), by="bob"))
    assert desk.case_ids() == [1, 2]
    assert desk.case(1).customer_id != desk.case(2).customer_id


def test_the_same_customer_in_another_thread_has_another_case(desk: Desk) -> None:
    desk.take(post("1"), post("2", at=after(5), thread="t2"))
    assert desk.case_ids() == [1, 2]
    assert "The customer also has open case 1." in desk.log(2)[0].data["reasons"]


def test_a_bare_thanks_starts_no_clock(desk: Desk) -> None:
    """Case 24."""
    desk.take(post("1"), brand_post("9", at=after(20), reply_to="1"), post("2", "Thank you!", after(30)))
    case = desk.case()
    assert (case.state, case.unanswered, case.due_at) == (CaseState.WAITING, 0, None)
    assert desk.decision("bluesky:2") == ("join", 1)


def test_a_thanks_that_is_edited_into_a_complaint_awaits_an_answer(desk: Desk) -> None:
    desk.take(post("1"), brand_post("9", at=after(20), reply_to="1"), post("2", "Thank you!", after(30)))
    desk.take(post("2", "Thank you, but it came broken", after(30), seen=after(40)))
    assert desk.case().unanswered == 1


def test_a_customer_who_deletes_their_only_post_waits_no_longer(desk: Desk) -> None:
    desk.take(post("1"))
    desk.take(deleted=["bluesky:1"], now=after(5))
    assert desk.case().due_at is None


def test_a_late_found_post_brings_a_resolved_case_back(desk: Desk) -> None:
    """Cases 29 and 31."""
    desk.take(post("1"))
    casework.resolve(desk.store, desk.case().id, agent="mia", now=after(30))
    desk.take(post("2", "And the box was open", after(10), seen=after(60)))
    case = desk.case()
    assert (case.state, case.unanswered, case.closed_at) == (CaseState.NEW, 2, None)


def test_a_late_found_post_wakes_a_snoozed_case(desk: Desk) -> None:
    """Case 31."""
    desk.take(post("1"))
    casework.snooze(desk.store, desk.case().id, agent="mia", until=after(600), now=after(30))
    desk.take(post("2", "And the box was open", after(10), seen=after(60)))
    assert (desk.case().state, desk.case().snoozed_until) == (CaseState.NEW, None)


def test_a_late_found_post_is_not_answered_by_a_reply_that_could_not_know_it(desk: Desk) -> None:
    """Case 31."""
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(30))
    desk.take(post("2", "And the box was open", after(10), seen=after(60)))
    case = desk.case()
    assert (case.state, case.unanswered, case.due_at) == (CaseState.ASSIGNED, 1, after(40))


def test_coming_back_within_the_window_reopens(desk: Desk) -> None:
    """Case 29: the resolution clock goes on where it stopped."""
    desk.take(post("1"))
    casework.resolve(desk.store, desk.case().id, agent="mia", now=after(30))
    desk.take(post("2", at=after(days=3)))
    assert desk.case_ids() == [1]
    assert desk.case().state is CaseState.NEW
    assert desk.span(Clock.RESOLUTION).due_at() == after(days=4, minutes=-30)


def test_coming_back_after_the_window_opens_a_linked_case(desk: Desk) -> None:
    """Case 29: its clocks are its own."""
    desk.take(post("1"))
    casework.resolve(desk.store, desk.case().id, agent="mia", now=after(30))
    desk.take(post("2", at=after(days=15)))
    assert (desk.case(1).state, desk.case(2).linked_case_id) == (CaseState.RESOLVED, 1)
    assert desk.case(2).due_at == after(days=15, minutes=60)


def test_an_edit_of_an_old_post_stays_with_the_old_case(desk: Desk) -> None:
    desk.take(post("1"))
    casework.resolve(desk.store, desk.case().id, agent="mia", now=after(30))
    desk.take(post("2", at=after(days=15)), brand_post("9", at=after(days=15, minutes=5), reply_to="2"))
    before = [desk.log(1), desk.log(2)]
    desk.take(post("1", "My parcel never came. EDIT: typo", seen=after(days=16)))
    assert [desk.log(1), desk.log(2)] == before
    assert (desk.case(2).state, desk.case(2).due_at) == (CaseState.WAITING, None)
    assert desk.decision("bluesky:1")[1] == 1


def test_an_urgent_word_raises_the_case_and_a_mild_one_does_not_lower_it(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(urgent_terms=("lawyer",)), desk.rules.sla)
    desk.take(post("1"))
    desk.take(post("2", "My lawyer will write", after(5)), post("3", "Please", after(6)))
    assert desk.case().severity is Severity.URGENT


def test_the_policy_is_chosen_once_and_survives_an_edit_of_the_config(desk: Desk) -> None:
    """Case 16, through the store."""
    desk.take(post("1"))
    strict = SlaPolicy("hour", first_response_seconds=60)
    desk.rules = Rules(desk.rules.triage, [PolicyRule(strict)])
    desk.take(post("2", at=after(1)), post("3", at=after(1), thread="t2"))
    assert desk.case(1).due_at == after(60)
    assert desk.case(2).due_at == after(2)


def test_triage_in_small_steps_is_triage_at_once(desk: Desk) -> None:
    desk.record(*(post(str(n), at=after(n), thread=f"t{n % 3}", by=f"u{n % 2}") for n in range(12)))
    desk.classify()
    assert [desk.triage(after(60), limit=5) for _ in range(4)] == [5, 5, 2, 0]
    assert len(desk.case_ids()) == 6
