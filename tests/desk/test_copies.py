"""Copies of a complaint are counted in its case; who has a matter of their own keeps a case and a clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from desk import casework, threads, watch
from desk.errors import ConflictError, NotFoundError
from desk.model.case import CaseId, CaseState
from desk.model.copies import Wording, is_copy
from desk.model.mention import MentionId, Replyable
from desk.model.sla import Clock
from desk.store import case_view, export_view
from desk.store.queue_view import QueueFilter, Shelf, counts, page
from desk.triage import Action, Ally, Rules, TriagePolicy
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post, verdict

ONE = CaseId(1)
CALL = (
    "Fernway closes the only depot in our valley and sends a hundred people home before winter. "
    "Share this until they talk to us."
)
"""A campaign's text: 22 words."""
NEAR = CALL.replace("Share this", "Please share this now")


def campaign(desk: Desk, copies: int, *, text: str = CALL, begin: int = 2) -> None:
    """One case by anna, and so many copies of it by others, a minute apart."""
    desk.take(post("1", CALL))
    desk.take(
        *(post(str(n), text, after(n), by=f"u{n}", thread=f"t{n}") for n in range(begin, begin + copies))
    )


# Which posts are copies


@pytest.mark.parametrize(
    "later",
    [
        CALL,
        f"RT @anna: {CALL}",
        f"@fernway {CALL.upper()}!!! https://t.co/x1y2z3",
        NEAR,
        f"{CALL} #fernway",
        CALL.replace("hundred", "hundered"),
    ],
)
def test_what_repeats_a_text_is_a_copy(later: str) -> None:
    assert is_copy(Wording.of(later), Wording.of(CALL))


@pytest.mark.parametrize(
    ("later", "first"),
    [
        ("Where is my parcel, it has been two weeks now", "Where is my parcel, it has been two weeks now"),
        (f"{CALL} My order 4711 is stuck there, too", CALL),
        (f"{CALL} 12 Mill Lane", CALL),
        (f"{CALL} Write to me: ann@example.org", CALL),
        (
            "I ordered a phone from Fernway in Ankara and it never came to me, order 881",
            "I ordered a phone from Fernway in Ankara and it never came to me, order 882",
        ),
        (
            "I ordered a phone from Fernway in Ankara and it never came to me",
            "I ordered a phone from Fernway in Izmir and it never came to me",
        ),
        ("RT @anna: no answer", "no answer"),
        ("😡😡😡", "😡😡😡"),
        ("", ""),
    ],
)
def test_what_may_be_a_matter_of_its_own_is_none(later: str, first: str) -> None:
    """Short texts, an order's or an address's number, one word that makes it another matter."""
    assert not is_copy(Wording.of(later), Wording.of(first))


def test_a_retweet_may_be_shorter_than_words_that_are_the_same_by_chance() -> None:
    words = "My new phone is broken already, thanks Fernway"
    assert is_copy(Wording.of(f"RT @anna: {words}"), Wording.of(words))
    assert not is_copy(Wording.of(words), Wording.of(words))


# What becomes of them


def test_copies_are_one_item_with_a_count(desk: Desk) -> None:
    campaign(desk, 36)
    assert desk.case_ids() == [1]
    (row,) = page(desk.store, QueueFilter()).rows
    assert row.copies == 36
    assert desk.decision("bluesky:2") == (Action.COPY, 1)
    view = case_view.load(desk.store, ONE, "mia")
    assert view.copies.count == 36
    assert [copy.external_id for copy in view.copies.latest[:2]] == ["37", "36"], "newest first"


def test_a_copy_starts_no_clock_and_raises_no_alert(desk: Desk) -> None:
    campaign(desk, 5)
    before = desk.case()
    assert before.unanswered == 1
    assert desk.span(Clock.FIRST_RESPONSE).started_at == NOON
    watch.raise_alerts(desk.store, watch.AlertRules(), ["chat"], after(61))
    desk.answer(FakeSender(), now=after(62))
    desk.take(post("99", CALL, after(70), by="late", thread="t99"))
    assert desk.case().state is CaseState.WAITING, "a copy calls nobody back"
    assert desk.decision("bluesky:99") == (Action.COPY, 1)


def test_nothing_is_hidden_every_copy_is_found_and_exported_with_its_reason(desk: Desk) -> None:
    campaign(desk, 3)
    for words in ("depot", "u3"):
        (row,) = page(desk.store, QueueFilter(Shelf.ALL, search=words)).rows
        assert row.case.id == 1
    copies = [row for row in export_view.mentions(desk.store) if row["decision"] == "copy"]
    assert [row["handle"] for row in copies] == ["u2", "u3", "u4"]
    assert all("The same words as @anna’s: counted in case 1." in row["reasons"] for row in copies)


def test_near_copies_and_copies_of_copies_stand_by_the_first(desk: Desk) -> None:
    campaign(desk, 2, text=NEAR)
    desk.take(post("9", CALL + " #valley", after(30), by="zoe", thread="t9"))
    assert desk.case_ids() == [1]
    assert page(desk.store, QueueFilter()).rows[0].copies == 3


def test_an_order_number_makes_a_complaint_its_writers_own(desk: Desk) -> None:
    template = "My order {} was promised for last Monday and nobody at Fernway tells me where it is now"
    desk.take(*(post(str(n), template.format(4000 + n), by=f"u{n}", thread=f"t{n}") for n in (1, 2, 3)))
    assert desk.case_ids() == [1, 2, 3]


def test_a_customer_with_an_open_case_is_involved_and_keeps_their_own(desk: Desk) -> None:
    desk.take(post("1", CALL), post("2", "My parcel never came", by="ben", thread="t2"))
    desk.take(post("3", CALL, after(5), by="ben", thread="t3"))
    assert desk.case_ids() == [1, 2, 3]


def test_the_same_customer_saying_it_again_elsewhere_is_counted_while_the_case_is_open(desk: Desk) -> None:
    desk.take(post("1", CALL), post("2", CALL, after(5), thread="t2"))
    assert desk.case_ids() == [1]
    casework.dismiss(desk.store, ONE, agent="mia", reason="", now=after(6))
    desk.take(post("3", CALL, after(10), thread="t3"))
    assert desk.case_ids() == [1, 2], "they still wait"


def test_copies_of_what_was_dismissed_stay_away_and_of_what_was_resolved_come_back(desk: Desk) -> None:
    desk.take(post("1", CALL))
    casework.dismiss(desk.store, ONE, agent="mia", reason="Spam", now=after(1))
    desk.take(post("2", CALL, after(2), by="ben", thread="t2"))
    assert desk.case_ids() == [1]
    casework.reopen(desk.store, ONE, agent="mia", now=after(3))
    casework.resolve(desk.store, ONE, agent="mia", now=after(4))
    desk.take(post("3", CALL, after(5), by="cem", thread="t3"))
    desk.take(post("4", CALL, after(6), by="dan", thread="t4"))
    assert desk.case_ids() == [1, 2]
    assert desk.decision("bluesky:4") == (Action.COPY, 2)


def test_what_can_be_answered_is_not_folded_into_what_cannot(desk: Desk) -> None:
    closed = Replyable(False, "They did not mention you.")
    desk.take(post("1", CALL, replyable=closed))
    desk.take(post("2", CALL, after(1), by="ben", thread="t2"))
    desk.take(post("3", CALL, after(2), by="cem", thread="t3", replyable=closed))
    assert desk.case_ids() == [1, 2]


@pytest.mark.parametrize(
    "other",
    [
        post("2", CALL, after(days=8), by="ben", thread="t2"),
        post("2", CALL, after(1), by="ben", thread="t2", brand="other"),
        post("2", CALL, after(1), by="ben", thread="t2", source="mastodon"),
    ],
    ids=["a week later", "another brand", "another platform"],
)
def test_only_recent_posts_to_one_brand_on_one_platform_are_folded(desk: Desk, other) -> None:  # type: ignore[no-untyped-def]
    desk.take(post("1", CALL))
    desk.take(other)
    assert desk.case_ids() == [1, 2]


def test_folding_can_be_turned_off(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(fold_within=timedelta(0)), desk.rules.sla)
    campaign(desk, 2)
    assert desk.case_ids() == [1, 2, 3]


def test_an_urgent_word_that_the_first_post_lacks_is_not_folded_away(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(urgent_terms=("poison",)), desk.rules.sla)
    desk.take(post("1", CALL))
    desk.take(post("2", CALL + " Poison!", after(1), by="ben", thread="t2"))
    assert desk.case_ids() == [1, 2]


# When things change


def test_a_copy_that_is_edited_into_something_of_its_own_gets_a_case(desk: Desk) -> None:
    campaign(desk, 1)
    own = post("2", "My parcel 4711 never came, and nobody answers", after(2), by="u2", thread="t2")
    desk.take(replace(own, received_at=after(9)))
    assert desk.case_ids() == [1, 2]
    assert page(desk.store, QueueFilter()).rows[0].copies == 0


def test_a_copy_of_the_edited_words_is_recognised(desk: Desk) -> None:
    desk.take(post("1", "My parcel never came"))
    desk.take(replace(post("1", CALL), received_at=after(1)))
    desk.take(post("2", CALL, after(2), by="ben", thread="t2"))
    assert desk.case_ids() == [1]


def test_when_the_first_post_is_deleted_unanswered_the_copies_are_not_forgotten(desk: Desk) -> None:
    campaign(desk, 3)
    desk.take(now=after(10), deleted=["bluesky:1"])
    assert desk.case_ids() == [1, 2]
    assert desk.case(2).last_mention_id == "bluesky:2"
    assert desk.span(Clock.FIRST_RESPONSE, 2).started_at == after(2)
    (row,) = page(desk.store, QueueFilter(Shelf.ALL, search="depot")).rows
    assert (row.case.id, row.copies) == (2, 2)


def test_when_an_answered_post_is_deleted_its_copies_stay_where_they_are(desk: Desk) -> None:
    campaign(desk, 3)
    desk.take(brand_post("b", at=after(8), reply_to="1"))
    desk.take(now=after(10), deleted=["bluesky:1"])
    assert desk.case_ids() == [1]


def test_a_deleted_copy_is_not_counted(desk: Desk) -> None:
    campaign(desk, 3)
    desk.take(now=after(10), deleted=["bluesky:3"])
    assert page(desk.store, QueueFilter()).rows[0].copies == 2
    assert case_view.load(desk.store, ONE, "mia").copies.count == 2


# A person decides otherwise


def test_a_person_opens_a_copy_as_a_case_with_the_same_promise(desk: Desk) -> None:
    campaign(desk, 3)
    desk.rules = Rules(desk.rules.triage, ())
    opened = threads.open_copy(desk.store, MentionId("bluesky:3"), agent="mia", now=after(30))
    case = desk.case(opened)
    assert (case.id, case.state, case.last_mention_id) == (2, CaseState.NEW, "bluesky:3")
    assert case.policy_id == desk.case(1).policy_id
    assert desk.span(Clock.FIRST_RESPONSE, 2).started_at == after(3)
    assert (desk.log(2)[0].actor, desk.log(2)[0].data["opening"]) == ("mia", "complaint")
    assert desk.decision("bluesky:3") == (Action.OPEN, 2)
    first, other = page(desk.store, QueueFilter()).rows
    assert (first.copies, other.copies) == (2, 0)


def test_a_copy_is_opened_once(desk: Desk) -> None:
    campaign(desk, 1)
    threads.open_copy(desk.store, MentionId("bluesky:2"), agent="mia", now=after(30))
    with pytest.raises(ConflictError):
        threads.open_copy(desk.store, MentionId("bluesky:2"), agent="noa", now=after(30))
    with pytest.raises(ConflictError):
        threads.open_copy(desk.store, MentionId("bluesky:1"), agent="noa", now=after(30))
    with pytest.raises(NotFoundError):
        threads.open_copy(desk.store, MentionId("bluesky:77"), agent="noa", now=after(30))


def test_an_answer_made_to_the_copy_before_it_was_opened_counts(desk: Desk) -> None:
    campaign(desk, 1)
    desk.take(brand_post("b", at=after(5), thread="t2", reply_to="2"))
    threads.open_copy(desk.store, MentionId("bluesky:2"), agent="mia", now=after(30))
    assert desk.case(2).state is CaseState.WAITING


def test_a_case_that_a_person_opened_takes_no_copies_of_its_own(desk: Desk) -> None:
    campaign(desk, 1)
    threads.open_copy(desk.store, MentionId("bluesky:2"), agent="mia", now=after(30))
    desk.take(post("9", CALL, after(40), by="zoe", thread="t9"))
    assert desk.decision("bluesky:9") == (Action.COPY, 1)


def test_a_campaign_costs_the_case_no_events(desk: Desk) -> None:
    """Ten thousand copies must not make a log of ten thousand, read at every glance."""
    campaign(desk, 40)
    assert len(desk.log(1)) == 3
    assert counts(desk.store, QueueFilter(), NOON).by_shelf[Shelf.TODO] == 1


# Allies


@pytest.mark.parametrize(
    ("source", "name"),
    [("bluesky", "@Fernway_Dev"), ("Bluesky", "fernway_dev"), ("bluesky", "id-fernway_dev")],
)
def test_an_ally_of_the_brand_opens_no_case_and_is_told_apart(desk: Desk, source: str, name: str) -> None:
    desk.rules = Rules(TriagePolicy(allies=frozenset({Ally.of(source, name)})), desk.rules.sla)
    desk.take(post("1", by="fernway_dev"), post("2", by="fernway_dev2", thread="t2"))
    assert desk.case_ids() == [1]
    assert desk.decision("bluesky:1") == (Action.NOISE, None)
    assert desk.decision("bluesky:2") == (Action.OPEN, 1)
    (row,) = [row for row in export_view.mentions(desk.store) if row["mention_id"] == "bluesky:1"]
    assert row["reasons"].startswith("An ally of the brand: @")


def test_a_namesake_on_another_platform_is_no_ally(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(allies=frozenset({Ally.of("x", "anna")})), desk.rules.sla)
    desk.take(post("1", by="anna"))
    assert desk.case_ids() == [1]


def test_an_ally_in_a_customers_conversation_answers_nothing(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(allies=frozenset({Ally.of("bluesky", "agency")})), desk.rules.sla)
    desk.take(post("1"), post("2", "Sorry, we love to help", after(5), by="agency", reply_to="1"))
    assert (desk.case_ids(), desk.case().unanswered) == ([1], 1)


def test_the_verdict_does_not_matter_for_an_ally(desk: Desk) -> None:
    desk.rules = Rules(
        TriagePolicy(allies=frozenset({Ally.of("bluesky", "anna")}), open_every_thread=True), ()
    )
    assert verdict(0.99).is_complaint
    desk.take(post("1", "furious"), post("2", "hmm", thread="t2"), post("3", "love", thread="t3"))
    assert desk.case_ids() == []
