"""Bluesky's whole stream, narrowed by a query: both wires, every way in which it can break off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from desk.errors import InputError, SourceError
from desk.model.query import QueryError, parse
from desk.ports import Batch
from listener.platforms.bluesky.jetstream import host_of
from listener.platforms.bluesky.keywords import BlueskyKeywords
from tests.fakes.bluesky_api import FakeBluesky
from tests.fakes.bluesky_jetstream import V1, V2, FakeJetstream
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer

_OPTIONS: dict[str, Any] = {"patience_seconds": 0.15, "timeout_seconds": PATIENCE_SECONDS}


@pytest.fixture(params=[V1, V2], ids=["v1", "v2"])
def wire(request: pytest.FixtureRequest, jetstream: FakeJetstream) -> Iterator[str]:
    jetstream.wires = (request.param,)
    yield request.param


def source(bluesky: FakeBluesky, *hosts: str, query: str = "fernway", **facts: Any) -> BlueskyKeywords:
    return BlueskyKeywords(
        bluesky.client(),
        brand="fernway",
        query=parse(query),
        hosts=hosts,
        now=bluesky.clock,
        **(_OPTIONS | facts),
    )


def drain(reader: BlueskyKeywords, cursor: str | None = None) -> Batch:
    whole = Batch(cursor=cursor)
    for _ in range(100):
        batch = reader.fetch(whole.cursor)
        whole = Batch(
            (*whole.mentions, *batch.mentions),
            (*whole.deleted, *batch.deleted),
            (*whole.bad, *batch.bad),
            (*whole.gaps, *batch.gaps),
            cursor=batch.cursor,
        )
        if not batch.more:
            return whole
    raise AssertionError("it never comes to an end")


def texts(batch: Batch) -> list[str]:
    return [mention.text for mention in batch.mentions]


def test_a_query_picks_from_all_that_is_written(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    bluesky.add(ana, "FERNWAY never came")
    bluesky.add(ana, "nothing of it")
    bluesky.add(ana, "fernwayish")
    bluesky.add(ana, "look at fernway.com")

    batch = drain(source(bluesky, jetstream.url))

    assert texts(batch) == ["FERNWAY never came"]
    assert (batch.mentions[0].author.handle, batch.mentions[0].author.name) == ("ana.example", "Ana")
    assert not batch.mentions[0].from_brand


def test_authors_are_known_by_their_handles(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    ben = next(did for did in bluesky.people if "ben" in did)
    bluesky.add(ana, "a parcel")
    bluesky.add(ben, "a parcel, too")

    batch = drain(source(bluesky, jetstream.url, query="parcel from:ben.example"))

    assert texts(batch) == ["a parcel, too"]


def test_our_own_posts_come_whatever_they_say(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    asked = bluesky.add(ana, "fernway?")
    bluesky.reply(bluesky.me, asked, "Here")

    batch = drain(source(bluesky, jetstream.url))

    assert [(m.text, m.from_brand) for m in batch.mentions] == [("fernway?", False), ("Here", True)]
    assert batch.mentions[1].conversation_id == asked


def test_the_connection_stays_open_between_fetches(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    batch = drain(reader)
    opened = len(jetstream.opened)
    for number in range(3):
        bluesky.add(ana, f"fernway {number}")
        batch = drain(reader, batch.cursor)
        assert texts(batch) == [f"fernway {number}"]

    assert len(jetstream.opened) == opened


def test_a_new_process_goes_on_without_repeating(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    bluesky.add(ana, "fernway one")
    first = drain(source(bluesky, jetstream.url))
    bluesky.add(ana, "fernway two")

    second = drain(source(bluesky, jetstream.url), first.cursor)

    assert (texts(first), texts(second)) == (["fernway one"], ["fernway two"])
    assert "cursor=" in jetstream.opened[-1]


def test_a_connection_that_breaks_loses_nothing(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    bluesky.add(ana, "fernway one")
    first = drain(reader)
    jetstream.drop()
    bluesky.add(ana, "fernway two")

    with pytest.raises(SourceError):
        for _ in range(20):
            reader.fetch(first.cursor)
            jetstream.drop()
    second = drain(reader, first.cursor)

    assert texts(second) == ["fernway two"]


def test_edits_and_deletions_arrive(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    uri = bluesky.add(ana, "fernway frist")
    batch = drain(reader)
    bluesky.edit(uri, "first, and no name")
    edited = drain(reader, batch.cursor)
    bluesky.delete(uri)
    deleted = drain(reader, edited.cursor)

    assert texts(edited) == ["first, and no name"]
    assert [m.external_id for m in edited.mentions] == [uri]
    assert deleted.deleted == (f"bluesky:{uri}",)


def test_a_post_that_goes_at_once_is_not_told_of(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    uri = bluesky.add(ana, "fernway oops")
    bluesky.delete(uri)

    batch = drain(source(bluesky, jetstream.url))

    assert (texts(batch), batch.deleted) == ([], (f"bluesky:{uri}",))


@pytest.mark.parametrize("status", ["deleted", "suspended", "deactivated", "takendown"])
def test_when_an_account_goes_its_posts_go(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str, status: str
) -> None:
    reader = source(bluesky, jetstream.url)
    uri = bluesky.add(ana, "fernway one")
    batch = drain(reader)

    account = {"active": False, "did": ana, "status": status}
    jetstream.tell({"did": ana, "kind": "account", "account": account})
    batch = drain(reader, batch.cursor)

    assert batch.deleted == (f"bluesky:{uri}",)


def test_a_changed_handle_is_asked_for_again(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    bluesky.add(ana, "fernway one")
    batch = drain(reader)
    bluesky.people[ana]["handle"] = "new.example"
    jetstream.tell({"did": ana, "kind": "identity", "identity": {"did": ana, "handle": "new.example"}})
    bluesky.add(ana, "fernway two")

    batch = drain(reader, batch.cursor)

    (mention,) = batch.mentions
    assert (mention.author.external_id, mention.author.handle) == (ana, "new.example")


def test_what_cannot_be_read_is_set_aside_where_it_may_concern_us(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    jetstream.say('{"did": "did:p')
    for words in (["fernway"], ["a stranger"]):
        commit = {
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": "3kbad",
            "cid": "bafyreibad",
        }
        jetstream.tell({"did": ana, "kind": "commit", "commit": commit | {"record": {"text": words}}})
    bluesky.add(ana, "fernway one")

    batch = drain(source(bluesky, jetstream.url))

    assert texts(batch) == ["fernway one"]
    assert [bad.reason for bad in batch.bad] == ["not JSON, or cut off", '"text" is missing']


def test_where_the_host_began_later_than_asked_the_gap_is_told(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, clock: Clock, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    bluesky.add(ana, "fernway one")
    left = clock()
    first = drain(reader)
    for number in range(3):
        clock.advance(86_400)
        bluesky.add(ana, f"fernway {number}")
    jetstream.oldest = 3
    clock.advance(60)

    batch = drain(source(bluesky, jetstream.url), first.cursor)

    (gap,) = batch.gaps
    assert texts(batch) == ["fernway 2"]
    assert abs(gap.since - left) < timedelta(seconds=1)
    assert abs(gap.until - batch.mentions[0].created_at) < timedelta(seconds=1)
    assert "limited time" in gap.reason


def test_a_quiet_network_is_no_gap(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, clock: Clock, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    bluesky.add(ana, "fernway one")
    first = drain(reader)
    clock.advance(8 * 3_600)
    reader = source(bluesky, jetstream.url)
    quiet = drain(reader, first.cursor)
    bluesky.add(ana, "fernway two")

    batch = drain(reader, quiet.cursor)

    assert (texts(batch), batch.gaps) == (["fernway two"], ())


def test_a_host_that_counts_anew_is_asked_by_the_time(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, clock: Clock
) -> None:
    for number in range(5):
        bluesky.add(ana, f"fernway {number}")
    first = drain(source(bluesky, jetstream.url))
    clock.advance(60)
    jetstream.events.clear()
    bluesky.add(ana, "fernway anew")

    batch = drain(source(bluesky, jetstream.url), first.cursor)

    assert texts(batch) == ["fernway anew"]


def test_another_host_is_asked_to_go_back_and_nothing_is_repeated(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, clock: Clock
) -> None:
    def tell_both(event: dict[str, Any]) -> None:
        jetstream.tell(event)
        other.tell(event)

    with FakeJetstream(clock) as other:
        bluesky.on_event = tell_both
        reader = source(bluesky, jetstream.url, other.url)
        bluesky.add(ana, "fernway one")
        first = drain(reader)
        jetstream.refuse = Answer(503, b"busy")
        jetstream.drop()
        clock.advance(5)
        bluesky.add(ana, "fernway two")

        with pytest.raises(SourceError):
            for _ in range(5):
                reader.fetch(first.cursor)
        batch = drain(reader, first.cursor)

        assert texts(batch) == ["fernway two"]
        asked = int(other.opened[-1].partition("cursor=")[2])
        assert asked < json.loads(first.cursor or "")["time_us"]


def test_a_backlog_is_caught_up_with_at_once(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, clock: Clock, wire: str
) -> None:
    for number in range(120):
        bluesky.add(ana, f"fernway {number}")
        clock.advance(1)

    reader = source(bluesky, jetstream.url)
    first = reader.fetch(None)
    batch = drain(reader, first.cursor)

    assert first.more
    assert texts(first) + texts(batch) == [f"fernway {number}" for number in range(120)]


@pytest.mark.parametrize(
    ("answer", "wait"),
    [(Answer(429, {}, {"Retry-After": "30"}), 30), (Answer(503, b"<html>"), None)],
)
def test_a_host_that_refuses_is_told_without_its_page(
    bluesky: FakeBluesky, jetstream: FakeJetstream, answer: Answer, wait: float | None
) -> None:
    jetstream.refuse = answer

    with pytest.raises(SourceError) as caught:
        source(bluesky, jetstream.url).fetch(None)

    assert caught.value.retry_after_seconds == wait
    assert "<html>" not in str(caught.value)


def test_a_failure_of_the_server_repeats_what_the_stream_had_brought(
    bluesky: FakeBluesky, jetstream: FakeJetstream, ana: str, wire: str
) -> None:
    reader = source(bluesky, jetstream.url)
    first = drain(reader)
    bluesky.add(ana, "fernway one")
    bluesky.fail("/xrpc/app.bsky.actor.getProfiles", Answer(503, b"busy"))

    with pytest.raises(SourceError):
        reader.fetch(first.cursor)

    assert texts(drain(reader, first.cursor)) == ["fernway one"]


@pytest.mark.parametrize("query", ["lang:tr", "NOT fernway", "from:ana.example"])
def test_a_query_that_would_need_every_post_is_refused(bluesky: FakeBluesky, query: str) -> None:
    with pytest.raises(QueryError):
        source(bluesky, "ws://127.0.0.1:1", query=query)


@pytest.mark.parametrize(
    "host", ["", "ws://jetstream.example", "gopher://x", "wss://a.example/other", "wss://"]
)
def test_an_address_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(InputError):
        host_of(host)


@pytest.mark.parametrize(
    "address",
    [
        "jetstream.example",
        "wss://jetstream.example/",
        "https://jetstream.example/subscribe",
        f"jetstream.example{V2}",
    ],
)
def test_addresses_are_read_as_people_write_them(address: str) -> None:
    assert host_of(address).url == "wss://jetstream.example"


@pytest.mark.parametrize("cursor", ["", "7", "[]", "{}", '{"time_us": "x"}', '{"time_us": 1, "wire": "v3"}'])
def test_a_cursor_of_another_source_is_refused(
    bluesky: FakeBluesky, jetstream: FakeJetstream, cursor: str
) -> None:
    with pytest.raises(SourceError, match="remove that cursor"):
        source(bluesky, jetstream.url).fetch(cursor)
