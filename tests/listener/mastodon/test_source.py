"""Mastodon as a source: paging, late posts, edits, deletions, and servers with their own habits."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from desk.errors import SourceError
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer
from tests.fakes.mastodon_api import FakeMastodon
from tests.fakes.mastodon_reading import (
    HASHTAG,
    SEARCH,
    drain,
    ids,
    mentions,
    only,
    peopled,
    source_of,
)


def test_ulids_page_like_numbers(clock: Clock) -> None:
    with FakeMastodon(clock, ulids=True) as fake:
        peopled(fake)
        posted = [fake.add("20", f"@fernway {n}") for n in range(25)]
        source = source_of(fake)
        batches = drain(source)
        clock.advance(60)
        posted += [fake.add("20", f"@fernway later {n}") for n in range(25)]

        batches += drain(source, batches[-1].cursor)

    assert len(posted[0]) == 26
    assert sorted(ids(batches)) == sorted(posted)


def test_new_posts_are_read_forwards_so_that_none_is_skipped(server: FakeMastodon) -> None:
    source = source_of(server)
    server.add("20", "@fernway first")
    cursor = drain(source)[-1].cursor
    later = [server.add("20", f"@fernway {n}") for n in range(35)]
    first = source.fetch(cursor)
    between = server.add("20", "@fernway between the pages")

    batches = [first, *drain(source_of(server), first.cursor)]

    assert set(ids([first])) == set(later[:10])
    assert sorted(ids(batches)) == sorted([*later, between])
    assert any("min_id=" in path for _, path in server.requests)


def test_the_first_fetch_looks_back_as_far_as_it_is_told(server: FakeMastodon, clock: Clock) -> None:
    server.add("20", "@fernway long ago", at=START - timedelta(hours=30))
    server.notifications[0]["created_at"] = (START - timedelta(hours=30)).isoformat()
    source = source_of(server, first_hours=24)
    empty = source_of(server, first_hours=24).fetch(None)

    clock.advance(3600)
    recent = server.add("20", "@fernway recent")

    assert not empty.mentions
    assert ids(drain(source, empty.cursor)) == [recent]


def test_one_post_that_arrived_late_does_not_end_the_first_pass(server: FakeMastodon) -> None:
    posted = [server.add("20", f"#fern {n}") for n in range(14)]
    # On servers that number posts as they arrive, an old one can stand above new ones.
    server.add("20", "#fern old", at=START - timedelta(days=9), id=str(int(posted[-1]) + 1))

    assert set(posted) <= set(ids(drain(source_of(server, HASHTAG))))


def test_an_empty_account_keeps_its_first_horizon(server: FakeMastodon, clock: Clock) -> None:
    batch = source_of(server).fetch(None)

    assert (list(batch.mentions), batch.more) == ([], False)
    assert json.loads(batch.cursor or "") == {"start": "2026-03-09T09:00:00Z"}
    clock.advance(60)
    assert source_of(server).fetch(batch.cursor).cursor == batch.cursor


@pytest.mark.parametrize("habit", ["links", "since_for_min", "inclusive"])
def test_servers_that_page_in_their_own_way_lose_nothing(server: FakeMastodon, habit: str) -> None:
    setattr(server, habit, habit != "links")
    source = source_of(server)
    posted = [server.add("20", f"@fernway {n}") for n in range(25)]
    batches = drain(source)
    posted += [server.add("20", f"@fernway later {n}") for n in range(35)]

    batches += drain(source, batches[-1].cursor)

    assert sorted(set(ids(batches))) == sorted(posted)
    assert source.fetch(batches[-1].cursor).more is False


def test_only_mentions_count_among_notifications(server: FakeMastodon) -> None:
    status_id = server.add("10", "our own post")
    for kind in ("favourite", "reblog", "follow"):
        server.notify(status_id, kind)
    gone = server.add("20", "@fernway deleted at once")
    server.raw[server.notifications[-1]["id"]] = {**server.notifications[-1], "status": None}
    asked = server.add("20", "@fernway help")

    batches = drain(source_of(server))

    assert gone != asked
    assert ids(batches) == [asked]
    assert not [bad for batch in batches for bad in batch.bad]


@pytest.mark.parametrize(
    ("instance", "asked"),
    [
        ({"version": "4.2.9"}, False),
        ({"version": "4.3.0"}, True),
        ({"version": "10.1.0"}, True),
        ({"version": "0.19.1+git", "api_versions": {"mastodon": "2"}}, True),
        ({"version": "4.9.0 (compatible; Sharkey 2)"}, False),
        ({"version": 5}, False),
    ],
)
def test_held_back_mentions_are_asked_for_where_the_server_knows_how(
    server: FakeMastodon, instance: dict[str, Any], asked: bool
) -> None:
    server.instance = instance

    source_of(server).fetch(None)

    assert ("include_filtered=true" in server.requests[-1][1]) is asked


def test_posts_that_arrive_late_from_another_server_are_still_found(
    server: FakeMastodon, clock: Clock
) -> None:
    source = source_of(server, HASHTAG)
    server.add("30", "early #fern")
    clock.advance(3600)
    seen = [server.add("30", f"#fern {n}") for n in range(12)]
    cursor = drain(source)[-1].cursor
    # Its id tells when it was written, which is before posts that were read already.
    late = server.add("20", "#fern written before, federated after", at=clock() - timedelta(minutes=5))

    batches = drain(source, cursor)

    assert late < min(seen)
    assert ids(batches) == [late]


def test_a_boost_is_nobodys_complaint(server: FakeMastodon) -> None:
    server.add("30", "#fern", extra={"reblog": {"id": "1"}})

    assert not mentions(drain(source_of(server, HASHTAG)))


def test_a_search_is_read_to_its_end_and_then_only_for_what_is_new(
    server: FakeMastodon, clock: Clock
) -> None:
    source = source_of(server, SEARCH, lookback=30)
    server.add("20", "it broke long ago", at=START - timedelta(days=3))
    minutes = [START - timedelta(minutes=45 - n) for n in range(45)]
    posted = [server.add("20", f"it broke {at}", at=at) for at in minutes]
    first = drain(source)
    clock.advance(60)
    later = [server.add("20", f"broke again {n}") for n in range(12)]

    second = drain(source, first[-1].cursor)

    assert sorted(ids(first)) == sorted(posted)
    assert sorted(ids(second)) == sorted(later)
    assert not mentions(drain(source, second[-1].cursor))
    late = server.add("30", "it broke, indexed late", at=START - timedelta(minutes=8))
    assert ids(drain(source, second[-1].cursor)) == [late]


def test_a_copy_under_another_id_is_no_second_post(server: FakeMastodon) -> None:
    first = server.add("20", "@fernway help", uri="https://far.example/1")
    source = source_of(server)
    batches = drain(source)
    server.add("20", "@fernway help", uri="https://far.example/1")

    batches += drain(source, batches[-1].cursor)

    assert ids(batches) == [first]


def test_an_edit_comes_with_the_same_id_and_the_new_words(server: FakeMastodon) -> None:
    status_id = server.add("20", "@fernway it broke")
    source = source_of(server)
    first = drain(source)
    server.edit(status_id, "@fernway it is fine again")

    edited = drain(source, first[-1].cursor)

    assert only(edited).id == only(first).id
    assert only(edited).text.endswith("it is fine again")
    assert not mentions(drain(source, edited[-1].cursor))


@pytest.mark.parametrize("groups", [True, False])
def test_a_deletion_is_told_within_one_poll(server: FakeMastodon, groups: bool) -> None:
    server.groups = groups
    kept, gone = server.add("20", "@fernway keep"), server.add("20", "@fernway forget me")
    source = source_of(server)
    cursor = drain(source)[-1].cursor
    server.delete(gone)

    batch = source.fetch(cursor)

    assert [str(mention) for mention in batch.deleted] == [f"mastodon:{gone}@127.0.0.1:{server.port}"]
    assert not batch.more
    assert not source.fetch(batch.cursor).deleted
    assert kept in (batch.cursor or "")


def test_without_groups_every_remembered_post_has_its_turn(server: FakeMastodon) -> None:
    server.groups = False
    posted = [server.add("20", f"@fernway {n}") for n in range(25)]
    source = source_of(server, page_size=40)
    cursor = drain(source)[-1].cursor
    for status_id in posted:
        server.delete(status_id)
    gone: list[str] = []
    for _ in range(3):
        before = len(server.requests)
        batch = source.fetch(cursor)
        gone, cursor = gone + list(batch.deleted), batch.cursor
        assert len(server.requests) - before <= 12

    assert len(set(gone)) == 25


def test_a_look_up_that_fails_is_no_deletion(server: FakeMastodon) -> None:
    server.groups = False
    status_id = server.add("20", "@fernway help")
    source = source_of(server)
    cursor = drain(source)[-1].cursor
    for fault in (Answer(500, {}), Answer(403, {}), Answer(200, b"[]")):
        server.fail(f"/api/v1/statuses/{status_id}", fault)
        assert not source.fetch(cursor).deleted
    server.fail(f"/api/v1/statuses/{status_id}", Answer(429, {}))
    with pytest.raises(SourceError):
        source.fetch(cursor)


def test_only_the_last_posts_are_remembered(server: FakeMastodon) -> None:
    posted = [server.add("20", f"@fernway {n}") for n in range(30)]

    cursor = json.loads(drain(source_of(server, lookback=7))[-1].cursor or "")

    assert [row[0] for row in cursor["seen"]] == posted[-7:]


def test_without_groups_posts_that_stay_have_their_turn_as_well(server: FakeMastodon) -> None:
    server.groups = False
    posted = [server.add("20", f"@fernway {n}") for n in range(25)]
    source = source_of(server, page_size=40)
    cursor = drain(source)[-1].cursor
    server.requests.clear()
    for _ in range(3):
        cursor = source.fetch(cursor).cursor

    looked_up = {path.rpartition("/")[2] for _, path in server.requests}
    assert looked_up >= set(posted)
