"""What an author takes back or changes is so everywhere, with the batch that told of it."""

from __future__ import annotations

from dataclasses import replace

from desk import deliveries, outbox, watch
from desk.model.case import CaseId
from desk.store import case_view, export_view
from desk.store.queue_view import QueueFilter, Shelf, page
from tests.kernel import Desk, FakeChannel, after, post

SECRET = "My parcel xyzzy never came to my mother's house and nobody at Fernway seems to know where it is"


def held(desk: Desk) -> str:
    """Everything in the store's tables as text; of the search index what it holds whole."""
    with desk.store.read() as db:
        return "\n".join(db.conn.iterdump())


def in_file(desk: Desk) -> bytes:
    return b"".join(file.read_bytes() for file in desk.store.path.parent.glob(f"{desk.store.path.name}*"))


def found(desk: Desk, words: str) -> list[int]:
    return [row.case.id for row in page(desk.store, QueueFilter(Shelf.ALL, search=words)).rows]


def everything_shown(desk: Desk) -> str:
    rows = page(desk.store, QueueFilter(Shelf.ALL)).rows
    views = [case_view.load(desk.store, row.case.id, "mia") for row in rows]
    exports = [list(export_view.mentions(desk.store)), list(export_view.events(desk.store))]
    return f"{rows} {views} {exports}"


def test_a_deletion_reaches_the_store_the_search_the_exports_and_the_alerts(desk: Desk) -> None:
    desk.take(post("1", SECRET, name="Anna Berg"), post("2", SECRET, after(1), by="ben", thread="t2"))
    outbox.save_draft(desk.store, CaseId(1), agent="mia", text="Dear customer", now=after(1))
    watch.raise_alerts(desk.store, watch.AlertRules(), ["chat"], after(61))
    assert "xyzzy" in held(desk)
    desk.take(now=after(62), deleted=["bluesky:1", "bluesky:2"])
    assert "xyzzy" not in held(desk)
    assert "xyzzy" not in everything_shown(desk)
    assert found(desk, "xyzzy") == []
    chat = FakeChannel()
    deliveries.deliver_due(desk.store, {"chat": chat}, after(62))
    assert "xyzzy" not in str(chat.took)


def test_a_deleted_text_is_not_left_in_the_file(desk: Desk) -> None:
    desk.take(post("1", SECRET))
    assert SECRET.encode() in in_file(desk)
    desk.take(now=after(5), deleted=["bluesky:1"])
    with desk.store.write() as db:
        db.execute("UPDATE customers SET name = name")
    db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert SECRET.encode() not in in_file(desk)


def test_an_edit_reaches_the_store_the_search_and_the_exports(desk: Desk) -> None:
    desk.take(post("1", SECRET))
    desk.take(replace(post("1", "My parcel plugh is lost"), received_at=after(3)), now=after(3))
    assert "xyzzy" not in held(desk)
    assert "xyzzy" not in everything_shown(desk)
    assert "plugh" in everything_shown(desk)
    assert (found(desk, "xyzzy"), found(desk, "plugh")) == ([], [1])


def test_a_deletion_and_an_edit_need_one_batch_and_no_verdict(desk: Desk) -> None:
    """Not even the triage has to run: what was taken back is gone with the batch's own commit."""
    desk.record(post("1", SECRET), post("2", SECRET, thread="t2"))
    edit = replace(post("2", "never mind", thread="t2"), received_at=after(1))
    desk.record(edit, deleted=["bluesky:1"], now=after(1))
    assert "xyzzy" not in held(desk)
    assert "xyzzy" not in everything_shown(desk)
