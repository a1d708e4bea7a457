"""The brand's posts in a conversation: whom each answers, in whatever order they are read.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

import pytest

from desk import casework
from desk.model.case import CaseState
from desk.model.event import SYSTEM
from desk.model.sla import Clock
from tests.kernel import Desk, after, brand_post, post

FIRST, NEXT = Clock.FIRST_RESPONSE, Clock.NEXT_RESPONSE


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


def test_a_brand_post_in_a_thread_without_a_case_is_nothing_yet(desk: Desk) -> None:
    desk.take(brand_post("9", "Our new autumn shoes"))
    assert desk.decision("bluesky:9") == ("brand_post", None)
    desk.take(post("1", at=after(5), reply_to="9", thread="t1"))
    assert desk.span(FIRST).stopped_at is None, "said before the complaint, it answers nothing"
