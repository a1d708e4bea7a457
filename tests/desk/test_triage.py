"""What the triage decides, as tables; every decision says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.case import CLOSED, Case, CaseId, CaseState, Opening, Severity
from desk.model.customer import CustomerId
from desk.model.mention import MentionId
from desk.model.verdict import Verdict
from desk.triage import Action, Context, Decision, TriagePolicy, decide, is_bare_thanks
from tests.kernel import (
    COMPLAINT,
    FURIOUS,
    NOON,
    PRAISE,
    UNSURE,
    after,
    brand_post,
    post,
    verdict,
)

PLAIN = TriagePolicy()
EVERY = TriagePolicy(open_every_thread=True)
SURE_ONLY = TriagePolicy(open_needs_look=False)


def case(state: CaseState, case_id: int = 7) -> Case:
    return Case(
        id=CaseId(case_id),
        conversation=post("1").conversation,
        source="bluesky",
        brand="fernway",
        customer_id=CustomerId(1),
        opening=Opening.COMPLAINT,
        language="en",
        state=state,
        severity=Severity.NORMAL,
        assignee=None,
        policy_id="p",
        opened_at=NOON,
        due_at=None,
        due_clock=None,
        snoozed_until=None,
        first_response_at=None,
        closed_at=after(days=1) if state in CLOSED else None,
        last_mention_id=MentionId("bluesky:1"),
        last_customer_at=NOON,
        unanswered=0,
        linked_case_id=None,
        version=3,
    )


@pytest.mark.parametrize(
    ("said", "policy", "action", "opening", "severity"),
    [
        (COMPLAINT, PLAIN, Action.OPEN, Opening.COMPLAINT, Severity.NORMAL),
        (FURIOUS, PLAIN, Action.OPEN, Opening.COMPLAINT, Severity.HIGH),
        (COMPLAINT, EVERY, Action.OPEN, Opening.COMPLAINT, Severity.NORMAL),
        (UNSURE, PLAIN, Action.OPEN, Opening.NEEDS_LOOK, Severity.LOW),
        (UNSURE, SURE_ONLY, Action.NOISE, None, None),
        (UNSURE, EVERY, Action.OPEN, Opening.NEEDS_LOOK, Severity.LOW),
        (
            UNSURE,
            replace(EVERY, open_needs_look=False),
            Action.OPEN,
            Opening.EVERY_MENTION,
            Severity.LOW,
        ),
        (PRAISE, PLAIN, Action.NOISE, None, None),
        (PRAISE, EVERY, Action.OPEN, Opening.EVERY_MENTION, Severity.LOW),
    ],
)
def test_a_post_in_a_thread_that_has_no_case(
    said: Verdict, policy: TriagePolicy, action: Action, opening: Opening | None, severity: Severity | None
) -> None:
    decision = decide(post("1"), said, Context(), policy)
    assert decision.action is action
    if opening is not None:
        assert (decision.opening, decision.severity) == (opening, severity)
    assert decision.reasons


@pytest.mark.parametrize("state", list(CaseState))
@pytest.mark.parametrize("said", [COMPLAINT, UNSURE, PRAISE])
def test_a_post_in_the_thread_of_a_known_case(said: Verdict, state: CaseState) -> None:
    """Whatever the classifier says, the customer of a case is heard: only a bare thanks is not."""
    decision = decide(post("2", "And now?", after(days=2)), said, Context(case(state)), PLAIN)
    assert decision.action is (Action.REOPEN if state in CLOSED else Action.JOIN)
    assert decision.awaits_answer
    assert "case 7" in decision.reasons[0]


@pytest.mark.parametrize("state", list(CaseState))
def test_a_bare_thanks_joins_and_reopens_nothing(state: CaseState) -> None:
    decision = decide(post("2", "Thank you!", after(days=2)), PRAISE, Context(case(state)), PLAIN)
    assert (decision.action, decision.awaits_answer) == (Action.JOIN, False)
    assert any("thanks" in reason for reason in decision.reasons)


def test_a_thanks_that_the_classifier_calls_a_complaint_is_no_thanks() -> None:
    decision = decide(post("2", "Thanks for nothing"), COMPLAINT, Context(case(CaseState.WAITING)), PLAIN)
    assert (decision.action, decision.awaits_answer) == (Action.JOIN, True)


def test_a_thanks_that_opens_a_thread_is_not_for_a_person_to_look_at() -> None:
    assert decide(post("1", "Thank you!"), UNSURE, Context(), PLAIN).action is Action.NOISE


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_coming_back_within_the_window_reopens_and_after_it_opens_a_linked_case(state: CaseState) -> None:
    """Case 29; the window's last instant is still inside."""
    closed = case(state)
    policy = TriagePolicy(reopen_within=timedelta(days=14))
    last = after(days=15)
    assert decide(post("2", at=last), PRAISE, Context(closed), policy).action is Action.REOPEN
    later = decide(post("2", at=last + timedelta(milliseconds=1)), COMPLAINT, Context(closed), policy)
    assert (later.action, later.opening) == (Action.OPEN, Opening.COMPLAINT)
    assert "over 14 days" in later.reasons[0]
    unsure = decide(post("2", at=last + timedelta(days=1)), PRAISE, Context(closed), policy)
    assert (unsure.action, unsure.opening) == (Action.OPEN, Opening.NEEDS_LOOK)


def test_a_post_from_before_the_closing_found_after_it_reopens() -> None:
    """Case 31."""
    found = post("0", at=after(hours=1), seen=after(days=2))
    assert decide(found, PRAISE, Context(case(CaseState.RESOLVED)), PLAIN).action is Action.REOPEN


def test_the_brands_own_post_is_an_answer_and_a_deleted_one_is_nothing() -> None:
    assert decide(brand_post("9"), None, Context(), EVERY).action is Action.BRAND_POST
    assert decide(post("1", ""), None, Context(case(CaseState.NEW)), EVERY).action is Action.NOISE


def test_open_cases_elsewhere_are_told() -> None:
    elsewhere = (case(CaseState.NEW, 3), case(CaseState.WAITING, 5))
    reasons = decide(post("1"), COMPLAINT, Context(open_elsewhere=elsewhere), PLAIN).reasons
    assert [reason for reason in reasons if "also has open case" in reason] == [
        "The customer also has open case 3.",
        "The customer also has open case 5.",
    ]


@pytest.mark.parametrize(
    ("text", "urgent"),
    [
        ("I will call my LAWYER today", True),
        ("lawyer.", True),
        ("(lawyer)", True),
        ("lawyerly behaviour", False),
        ("outlawyer", False),
        ("The charger is on fire!", True),
        ("on fireworks day", False),
        ("Straße gesperrt", True),
        ("C++ is broken", True),
    ],
)
def test_urgent_terms_match_whole_and_in_any_case(text: str, urgent: bool) -> None:
    policy = TriagePolicy(urgent_terms=("lawyer", "on fire", "STRASSE", "c++"))
    decision = decide(post("1", text), COMPLAINT, Context(), policy)
    assert (decision.severity is Severity.URGENT) == urgent
    assert any("Urgent" in reason for reason in decision.reasons) == urgent


def test_an_urgent_term_in_praise_is_not_urgent_and_in_doubt_it_is() -> None:
    policy = TriagePolicy(urgent_terms=("fire",), open_every_thread=True)
    assert decide(post("1", "This album is fire"), PRAISE, Context(), policy).severity is Severity.LOW
    assert decide(post("1", "It caught fire"), UNSURE, Context(), policy).severity is Severity.URGENT


def test_strongly_negative_from_the_threshold_on() -> None:
    policy = TriagePolicy(severe_negative=0.8)
    at = decide(post("1"), verdict(0.9, negative=0.8), Context(), policy)
    below = decide(post("1"), verdict(0.9, negative=0.79), Context(), policy)
    assert (at.severity, below.severity) == (Severity.HIGH, Severity.NORMAL)


def test_anger_makes_a_complaint_severe_and_abuse_changes_nothing() -> None:
    angry, calmer = replace(COMPLAINT, anger=0.9), replace(COMPLAINT, anger=0.89)
    assert decide(post("1"), angry, Context(), TriagePolicy()).severity is Severity.HIGH
    assert decide(post("1"), calmer, Context(), TriagePolicy()).severity is Severity.NORMAL
    assert decide(post("1"), angry, Context(), TriagePolicy()).reasons[-1] == "Angry (90%)."
    for said in (COMPLAINT, UNSURE, PRAISE):
        assert decide(post("1"), replace(said, abuse=1.0), Context(), TriagePolicy()) == decide(
            post("1"), said, Context(), TriagePolicy()
        )


BARE = [
    "Thanks!",
    "thank you so much 🙏",
    "THX",
    "@fernway cheers",
    "Спасибо большое!",
    "благодарю",
    "Teşekkürler",
    "TEŞEKKÜR EDERİM",
    "sağ olun",
    "Danke schön",
    "Vielen Dank!",
    "Merci beaucoup",
    "¡Muchas gracias!",
    "Grazie mille",
    "Obrigada",
    "muito obrigado",
    "شكرا جزيلا",
    "شكراً",
    "धन्यवाद",
    "बहुत शुक्रिया",
]
NOT_BARE = [
    "",
    "OK",
    "Thanks but it is still broken",
    "thanks, when will it arrive?",
    "no thanks",
    "Спасибо, но посылки нет",
    "Teşekkürler ama gelmedi",
    "Danke, aber es geht nicht",
    "Merci mais toujours rien",
    "Gracias, pero no funciona",
    "Grazie, ma non funziona",
    "Obrigado, mas não chegou",
    "شكرا لكن لم يصل",
    "شكرا، متى يصل؟",
    "धन्यवाद लेकिन नहीं मिला",
    "thanksgiving",
    "Thanks, the order number is 3391-22",
    "Danke, meine Nummer ist 0171 2345678",
    "Thank you for getting back to me, I have now sent the form to the address in your mail",
]


@pytest.mark.parametrize("text", BARE)
def test_bare_thanks_in_ten_languages(text: str) -> None:
    """Case 24."""
    assert is_bare_thanks(text)


@pytest.mark.parametrize("text", NOT_BARE)
def test_who_says_more_than_thanks_waits_for_an_answer(text: str) -> None:
    """Case 24: a missed message costs more than a clock too many."""
    assert not is_bare_thanks(text)


@given(
    text=st.text(max_size=40),
    said=st.sampled_from([COMPLAINT, FURIOUS, UNSURE, PRAISE, None]),
    state=st.sampled_from([None, *CaseState]),
    brand=st.booleans(),
    every=st.booleans(),
    look=st.booleans(),
)
def test_law_every_decision_has_reasons_and_fits_its_context(
    text: str, said: Verdict | None, state: CaseState | None, brand: bool, every: bool, look: bool
) -> None:
    policy = TriagePolicy(open_every_thread=every, open_needs_look=look, urgent_terms=("fire", "("))
    mention = brand_post("9", text) if brand else post("1", text)
    decision: Decision = decide(mention, said, Context(case(state) if state else None), policy)
    assert decision.reasons and all(reason.strip() for reason in decision.reasons)
    if decision.action is Action.REOPEN:
        assert state in CLOSED
    if decision.action is Action.JOIN:
        assert state is not None
    if not decision.awaits_answer:
        assert decision.action is Action.JOIN and is_bare_thanks(text)
