"""Storing what a source brought: rows and cursor together, each post once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk import intake
from desk.model.event import EventKind
from desk.model.mention import Author
from desk.ports import BadRecord, Batch
from desk.store import mentions, sources
from desk.store.case_view import load
from desk.store.queue_view import QueueFilter, page
from tests.kernel import NOON, PRAISE, Desk, after, brand_post, post


def cursor(desk: Desk) -> str | None:
    with desk.store.read() as db:
        return sources.cursor(db, "test")


def test_only_new_posts_come_back(desk: Desk) -> None:
    first = desk.record(post("1"), post("2"), cursor="2")
    assert first.new == ("bluesky:1", "bluesky:2")
    again = desk.record(post("1"), post("2"), post("3"), cursor="3")
    assert (again.read, again.new, again.edited) == (3, ("bluesky:3",), 0)
    assert cursor(desk) == "3"


def test_a_batch_without_a_cursor_keeps_the_old_one(desk: Desk) -> None:
    desk.record(cursor="7")
    desk.record(post("1"))
    assert cursor(desk) == "7"


def test_rows_and_cursor_go_in_together_or_not_at_all(desk: Desk) -> None:
    desk.record(post("1"), cursor="1")
    broken = post("3", at=NOON.replace(tzinfo=None), seen=NOON.replace(tzinfo=None))
    with pytest.raises(TypeError):
        desk.record(post("2"), broken, now=NOON, cursor="3")
    assert cursor(desk) == "1"
    assert desk.record(post("2"), cursor="2").new == ("bluesky:2",), "it was not kept the first time"


def test_the_same_id_on_two_platforms_is_two_posts(desk: Desk) -> None:
    assert len(desk.record(post("1"), post("1", source="x")).new) == 2


def test_what_nobody_asked_for_is_kept_where_it_goes_on_with_what_is_stored(desk: Desk) -> None:
    """Customers do not name the brand again below their own complaint."""
    desk.take(post("1", "Fernway lost my parcel"))
    aside = [
        post("5", "and my neighbour's too", after(9), reply_to="4"),
        post("4", "three days later, still nothing", after(8), reply_to="1"),
        post("6", "nice weather", after(7)),
        post("7", "same here", after(8), by="ben", reply_to="1"),
        post("1", "Fernway lost my parcel. EDIT: both parcels", seen=after(9)),
        post("8", "I never wrote here", after(8), thread="t2", reply_to="0"),
    ]
    done = intake.record(desk.store, "test", Batch(aside=aside), after(9))
    assert (done.new, done.edited) == (("bluesky:4", "bluesky:5"), 1)
    again = intake.record(desk.store, "test", Batch(aside=aside), after(9))
    assert (again.new, again.edited) == ((), 0)
    desk.classify()
    desk.triage(after(9))
    assert [desk.decision(f"bluesky:{number}") for number in (4, 5)] == [("join", 1)] * 2


def test_a_follow_up_in_the_same_batch_is_kept_as_well(desk: Desk) -> None:
    batch = Batch([post("1", "Fernway lost my parcel")], aside=[post("2", "Hello?", after(1), reply_to="1")])
    assert intake.record(desk.store, "test", batch, after(1)).new == ("bluesky:1", "bluesky:2")


def test_an_edit_is_read_again(desk: Desk) -> None:
    desk.take(post("1", "I love this"))
    assert desk.decision("bluesky:1") == ("noise", None)
    changed = desk.record(post("1", "I hate this", seen=after(5)))
    assert (changed.new, changed.edited) == ((), 1)
    assert desk.classify() == 1
    desk.triage(after(5))
    assert desk.decision("bluesky:1") == ("open", 1)
    assert desk.case().opened_at == NOON


def test_an_edit_to_a_post_of_a_case_is_shown_and_opens_no_second_one(desk: Desk) -> None:
    desk.take(post("1"))
    desk.take(post("1", "My parcel never came, order 7", seen=after(5)))
    assert desk.case_ids() == [1]
    (shown,) = load(desk.store, desk.case().id, "mia").posts
    assert (shown.mention.text, shown.edited) == ("My parcel never came, order 7", True)
    assert shown.verdict is not None


def test_a_verdict_on_the_text_before_an_edit_is_not_kept(desk: Desk) -> None:
    desk.record(post("1", "I love this"))
    old = post("1", "I love this")
    desk.record(post("1", "I hate this", seen=after(5)))
    with desk.store.write() as db:
        mentions.save_verdicts(db, [(old, PRAISE)])
        assert [mention.text for mention in mentions.unclassified(db, 9)] == ["I hate this"]


def test_what_its_author_deleted_is_gone_from_text_search_and_views(desk: Desk) -> None:
    desk.take(post("1", "My zebra never came", name="Anna Zebra"))
    assert len(page(desk.store, QueueFilter(search="zebra")).rows) == 1
    assert desk.record(deleted=["bluesky:1"], now=after(5)).deleted == 1
    assert page(desk.store, QueueFilter(search="zebra")).rows == ()
    (row,) = page(desk.store, QueueFilter()).rows
    assert (row.excerpt, row.customer_name) == ("", "")
    (shown,) = load(desk.store, row.case.id, "mia").posts
    assert (shown.mention.text, shown.deleted, shown.verdict) == ("", True, None)
    with desk.store.read() as db:
        for table in ("mentions", "verdicts", "mentions_fts_data", "cases", "events"):
            assert "zebra never" not in str(db.execute(f"SELECT * FROM {table}").fetchall()), table


def test_what_was_deleted_stays_deleted(desk: Desk) -> None:
    desk.take(post("1"))
    desk.record(deleted=["bluesky:1"], now=after(5))
    back = desk.record(post("1"), post("1", "Edited"), now=after(6))
    assert (back.new, back.edited) == ((), 0)
    assert desk.mention("bluesky:1").text == ""
    assert desk.record(deleted=["bluesky:1"], now=after(7)).deleted == 0


def test_a_post_and_its_deletion_in_one_batch(desk: Desk) -> None:
    desk.take(post("1"), deleted=["bluesky:1"])
    assert desk.decision("bluesky:1") == ("noise", None)
    assert desk.case_ids() == []


def test_deleting_what_was_never_seen_is_nothing(desk: Desk) -> None:
    assert desk.record(deleted=["bluesky:404"]).deleted == 0


def test_a_post_is_never_from_the_future(desk: Desk) -> None:
    """Case 33: a platform's clock may run ahead of ours."""
    desk.take(post("1", at=after(days=400), seen=NOON))
    assert desk.mention("bluesky:1").created_at == NOON
    assert desk.case().due_at == after(60)
    assert [event.at for event in desk.log() if event.kind is EventKind.CUSTOMER_WROTE] == [NOON]


def test_unreadable_records_are_listed_once(desk: Desk) -> None:
    bad = BadRecord("line 17", "{", "not JSON")
    assert desk.record(post("1"), bad=[bad]).quarantined == 1
    again = desk.record(bad=[bad, BadRecord("line 18", "[", "not JSON")])
    assert (again.read, again.quarantined) == (2, 1)
    with desk.store.read() as db:
        assert [(q.position, q.raw) for q in sources.quarantined(db)] == [("line 17", "{"), ("line 18", "[")]


def test_an_account_keeps_its_customer_when_its_handle_changes(desk: Desk) -> None:
    desk.take(post("1", by="anna"))
    desk.take(replace(post("2", thread="t2"), author=Author("id-anna", "anna2", "A")))
    assert desk.case(1).customer_id == desk.case(2).customer_id
    profile = load(desk.store, desk.case(2).id, "mia").profile
    assert [account.handle for account in profile.customer.accounts] == ["anna2"]
    assert [case.id for case in profile.cases] == [2, 1]


def test_the_brand_is_no_customer(desk: Desk) -> None:
    desk.record(brand_post("9"))
    with desk.store.read() as db:
        assert db.execute("SELECT count(*) FROM customers").fetchone() == (0,)
    assert desk.classify() == 0
