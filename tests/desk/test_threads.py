"""Posts arrive in any order, and every case comes out the same: a conversation's way to its cases.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import casework, outbox
from desk.errors import SendUnknownError
from desk.model.case import CaseState, Severity
from desk.model.customer import CustomerId
from desk.model.event import SYSTEM, EventKind
from desk.model.mention import Mention
from desk.model.reply import Outgoing, ReplyState, SentPost
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.model.timeline import project
from desk.store import events
from desk.triage import Rules, TriagePolicy
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post

FIRST, NEXT = Clock.FIRST_RESPONSE, Clock.NEXT_RESPONSE


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
    assert desk.span(FIRST).breached_at(after(days=3)) == after(60)
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


def test_a_native_reply_answers(desk: Desk) -> None:
    """Case 27."""
    desk.take(post("1"))
    desk.take(brand_post("9", at=after(20), reply_to="1"))
    assert desk.span(FIRST).stopped_at == after(20)
    assert desk.span(FIRST).answered_by == SYSTEM
    assert desk.decision("bluesky:9") == ("brand_post", 1)


def test_a_bots_post_answers_nobody(desk: Desk) -> None:
    """Case 26."""
    desk.take(post("1"))
    desk.take(brand_post("9", "We got your message", at=after(0.1), reply_to="1", automatic=True))
    assert desk.span(FIRST).stopped_at is None
    assert desk.case().state is CaseState.NEW


def test_a_bare_thanks_starts_no_clock(desk: Desk) -> None:
    """Case 24."""
    desk.take(post("1"), brand_post("9", at=after(20), reply_to="1"), post("2", "Thank you!", after(30)))
    case = desk.case()
    assert (case.state, case.unanswered, case.due_at) == (CaseState.WAITING, 0, None)
    assert desk.decision("bluesky:2") == ("join", 1)


@pytest.mark.parametrize("batches", [["9", "1"], ["91"], ["19"]])
def test_a_reply_that_is_read_before_its_question(desk: Desk, batches: list[str]) -> None:
    posts = {"1": post("1"), "9": brand_post("9", at=after(20), reply_to="1")}
    for batch in batches:
        desk.take(*(posts[each] for each in batch), now=after(30))
    assert desk.span(FIRST).stopped_at == after(20)
    assert desk.case().state is CaseState.WAITING
    assert desk.decision("bluesky:9") == ("brand_post", 1)


def test_a_reply_that_is_read_after_the_customers_next_post(desk: Desk) -> None:
    """It answers what came before it, at its own time."""
    desk.take(post("1"), post("2", "Hello?", after(40)))
    desk.take(brand_post("9", at=after(20), reply_to="1", thread="t1"), now=after(50))
    assert desk.span(FIRST).stopped_at == after(20)
    assert desk.span(NEXT).started_at == after(40)
    assert desk.case().state is CaseState.NEW


def two_customers(desk: Desk) -> None:
    desk.take(post("1", by="anna"), post("2", "Mine neither", after(5), by="bob@mastodon.example"))


@pytest.mark.parametrize(
    ("text", "reply_to", "answered"),
    [
        ("Sorry, we are on it", "1", {1}),
        ("Sorry, we are on it", "2", {2}),
        ("@anna sorry", None, {1}),
        ("@Anna, sorry", None, {1}),
        ("@bob sorry", None, {2}),
        ("@bob@mastodon.example: sorry", None, {2}),
        ("Sorry (@anna, @bob)!", None, {1, 2}),
        ("@anna’s parcel is found", None, {1}),
        ("@anna @bob sorry", "1", {1, 2}),
        ("Sorry, everybody", None, set()),  # among several it stops no clock by guessing
        ("@carol sorry", None, set()),
        ("write to anna@mastodon.example", None, set()),
    ],
)
def test_a_reply_is_credited_to_whom_it_addresses(
    desk: Desk, text: str, reply_to: str | None, answered: set[int]
) -> None:
    two_customers(desk)
    desk.take(brand_post("9", text, after(20), reply_to=reply_to))
    assert {n for n in (1, 2) if desk.case(n).state is CaseState.WAITING} == answered


def test_with_one_customer_a_reply_to_nobody_is_theirs(desk: Desk) -> None:
    desk.take(post("1"))
    desk.take(brand_post("9", "Sorry, everybody", after(20)))
    assert desk.case().state is CaseState.WAITING


def test_a_reply_to_a_new_case_does_not_answer_the_customers_old_one(desk: Desk) -> None:
    desk.take(post("1"))
    casework.resolve(desk.store, desk.case().id, agent="mia", now=after(30))
    desk.take(post("2", at=after(days=30)))
    assert desk.case(2).linked_case_id == 1
    desk.take(brand_post("9", at=after(days=30, minutes=5), reply_to="2"))
    assert desk.case(2).state is CaseState.WAITING
    assert desk.case(1).first_response_at is None
    assert desk.span(FIRST, 1).answered_by is None


def test_another_brands_post_answers_nobody_here(desk: Desk) -> None:
    """One store may watch several brands, and a customer may call on all of them in one thread."""
    desk.take(post("1"))
    desk.take(brand_post("9", "@anna that is for @fernway", after(20), reply_to="1", brand="acme"))
    assert desk.span(FIRST).stopped_at is None
    assert desk.decision("bluesky:9") == ("brand_post", None)


def test_a_reply_that_the_brand_deletes_no_longer_stops_the_clock(desk: Desk) -> None:
    """Case 28, its second half."""
    desk.take(post("1"))
    desk.take(brand_post("9", at=after(20), reply_to="1"))
    desk.take(deleted=["bluesky:9"], now=after(30))
    assert desk.case().unanswered == 1


def test_a_thanks_that_is_edited_into_a_complaint_awaits_an_answer(desk: Desk) -> None:
    desk.take(post("1"), brand_post("9", at=after(20), reply_to="1"), post("2", "Thank you!", after(30)))
    desk.take(post("2", "Thank you, but it came broken", after(30), seen=after(40)))
    assert desk.case().unanswered == 1


def test_a_customer_who_deletes_their_only_post_waits_no_longer(desk: Desk) -> None:
    desk.take(post("1"))
    desk.take(deleted=["bluesky:1"], now=after(5))
    assert desk.case().due_at is None


def test_a_brand_post_in_a_thread_without_a_case_is_nothing_yet(desk: Desk) -> None:
    desk.take(brand_post("9", "Our new autumn shoes"))
    assert desk.decision("bluesky:9") == ("brand_post", None)
    desk.take(post("1", at=after(5), reply_to="9", thread="t1"))
    assert desk.span(FIRST).stopped_at is None, "said before the complaint, it answers nothing"


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


# One's own reply, coming back through the source


def own_post(desk: Desk, text: str = "We are sorry", *, external_id: str = "out-1") -> Mention:
    return brand_post(external_id, text, after(10), reply_to="1")


def credited(desk: Desk) -> list[tuple[str, object]]:
    return [(e.actor, e.data["reply"]) for e in desk.log() if e.kind is EventKind.BRAND_REPLIED]


def test_ones_own_reply_comes_back_after_it_was_settled(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(10))
    before = desk.case()
    desk.take(own_post(desk), now=after(11))
    desk.take(own_post(desk), now=after(12))
    assert desk.case() == before
    assert credited(desk) == [("mia", 1)]


@pytest.mark.parametrize("published", ["We are sorry", "@anna We are sorry"])
def test_ones_own_reply_comes_back_before_the_sender_reports(desk: Desk, published: str) -> None:
    """Between the platform's publishing and the sender's answer the source brings the post."""

    class Slow(FakeSender):
        def send(self, outgoing: Outgoing) -> SentPost:
            sent = super().send(outgoing)
            desk.take(own_post(desk, published), now=after(10))
            return sent

    desk.take(post("1"))
    desk.approve(now=after(9))
    outbox.send_due(desk.store, {"bluesky": Slow()}, after(10))
    assert credited(desk) == [("mia", 1)]
    assert desk.reply().state is ReplyState.SENT
    assert desk.span(FIRST).answered_by == "mia"


def test_ones_own_reply_settles_an_unknown_outcome(desk: Desk) -> None:
    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    outbox.send_due(desk.store, {"bluesky": sender}, after(10))
    assert desk.reply().state is ReplyState.UNCONFIRMED
    desk.take(own_post(desk), now=after(10.1))
    assert (desk.reply().state, desk.reply().external_id) == (ReplyState.SENT, "out-1")
    assert outbox.send_due(desk.store, {"bluesky": sender}, after(60)) == 0
    assert len(sender.attempts) == 1
    assert credited(desk) == [("mia", 1)]


def test_another_reply_to_the_same_post_is_not_taken_for_ones_own(desk: Desk) -> None:
    desk.take(post("1"))
    desk.approve(now=after(9))
    sender = FakeSender("bluesky", SendUnknownError("time-out"))
    outbox.send_due(desk.store, {"bluesky": sender}, after(10))
    desk.take(own_post(desk, "A colleague writes in the app", external_id="native"), now=after(10.1))
    assert desk.reply().state is ReplyState.UNCONFIRMED
    assert credited(desk) == [(SYSTEM, None)]


# Cut off anywhere, and going on

STORY: list[Mention] = [
    post("1", by="anna"),
    post("2", "Mine neither", after(2), by="bob"),
    brand_post("8", "@anna we are on it", after(5), reply_to="1"),
    post("3", "hmm, when?", after(7), by="anna"),
    brand_post("9", "Tomorrow", after(9), reply_to="3"),
    post("4", "Thank you!", after(11), by="anna"),
    post("5", "I love this shop", after(12), by="eve", thread="t2"),
    post("6", "I am furious", after(13), by="bob"),
    brand_post("7", "Sorry @bob", after(20)),
]
_END = after(30)


def outcome(desk: Desk) -> object:
    """Everything that a person could tell apart, without numbers that only count."""
    cases = []
    for number in desk.case_ids():
        case = desk.case(number)
        log = sorted((e.kind, e.at, e.actor, e.mention_id or "") for e in desk.log(number))
        runs = sorted((s.clock, s.started_at, s.stopped_at, s.answered_by) for s in desk.spans(number))
        with desk.store.read() as db:
            assert case == project(case.id, desk.log(number), events.policies(db)), "the table is the log's"
        cases.append((replace(case, version=0, customer_id=CustomerId(0)), log, runs))
    decisions = [desk.decision(mention.id) for mention in STORY]
    return cases, decisions


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> object:
    desk = Desk(tmp_path_factory.mktemp("whole") / "desk.db")
    desk.take(*STORY, now=_END)
    done = outcome(desk)
    desk.store.close()
    return done


@settings(max_examples=30)
@given(data=st.data())
def test_law_steps_cut_off_and_mixed_anyhow_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: object, data: st.DataObject
) -> None:
    """One post at a time in the order of a platform's pages, each step again and again, killed in between."""
    desk = Desk(tmp_path_factory.mktemp("steps") / "desk.db")
    waiting = list(STORY)

    def bring() -> object:
        return desk.record(waiting.pop(0), now=_END) if waiting else None

    def bring_again() -> object:
        seen = STORY[: len(STORY) - len(waiting)]
        return desk.record(*seen, now=_END) if seen else None

    def restart() -> object:
        path = desk.store.path
        desk.store.close()
        desk.__init__(path)  # type: ignore[misc]
        return None

    steps: list[Callable[[], object]] = [
        bring,
        bring,
        bring_again,
        lambda: desk.classify(limit=1),
        lambda: desk.triage(_END, limit=1),
        lambda: desk.triage(_END, limit=1),
        restart,
    ]
    for step in data.draw(st.lists(st.sampled_from(steps), max_size=40)):
        step()
    desk.record(*waiting, now=_END)
    while desk.classify(limit=2):
        desk.triage(_END, limit=1)
    while desk.triage(_END):
        pass
    assert outcome(desk) == undisturbed
    desk.store.close()


@settings(max_examples=40)
@given(order=st.permutations(STORY[:3]), late=st.booleans())
def test_law_a_batch_may_be_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: object, order: list[Mention], late: bool
) -> None:
    desk = Desk(tmp_path_factory.mktemp("order") / "desk.db")
    whole = [*STORY[3:], *order] if late else [*order, *STORY[3:]]
    desk.take(*whole, now=_END)
    assert outcome(desk) == undisturbed
    desk.store.close()
