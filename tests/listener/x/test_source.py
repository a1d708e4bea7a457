"""X as a source: the documented cursor rule, whose account it reads, and what it says that it missed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from desk.errors import SourceError
from desk.ports import Headroom
from listener.platforms.x.source import XAccount, XCredentials, XFeed
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer
from tests.fakes.x_api import KEYS, FakeX
from tests.listener.x.reading import drain, mentions, only, source_of


def test_pages_are_read_under_one_since_id_that_moves_after_the_last(x: FakeX) -> None:
    posted = [x.add_post("20", f"@Fernway {n}") for n in range(25)]
    source = source_of(x)
    first = source.fetch(None)
    # What comes between two pages must not be skipped by the next since_id.
    between = x.add_post("20", "@Fernway between the pages")

    batches = [first, *drain(source, first.cursor)]
    later = source.fetch(batches[-1].cursor)

    assert [len(batch.mentions) for batch in batches] == [10, 10, 5]
    assert {m.external_id for m in mentions(batches)} == set(posted)
    assert json.loads(batches[-1].cursor or "") == {"since_id": posted[-1]}
    assert only(later).external_id == between
    assert json.loads(later.cursor or "") == {"since_id": between}


def test_a_pass_cut_off_between_pages_goes_on_in_a_new_process(x: FakeX) -> None:
    posted = {x.add_post("20", f"@Fernway {n}") for n in range(25)}
    first = source_of(x).fetch(None)
    second = source_of(x).fetch(first.cursor)

    rest = drain(source_of(x), second.cursor)

    assert {m.external_id for m in mentions([first, second, *rest])} == posted


def test_a_page_token_that_x_no_longer_takes_begins_the_pass_again(x: FakeX) -> None:
    posted = {x.add_post("20", f"@Fernway {n}") for n in range(25)}
    source = source_of(x)
    first = source.fetch(None)
    x.tokens_from = 1
    posted.add(x.add_post("20", "@Fernway new meanwhile"))

    rest = drain(source, first.cursor)

    assert {m.external_id for m in mentions([first, *rest])} == posted
    assert json.loads(rest[-1].cursor or "") == {"since_id": max(posted, key=int)}


def test_ids_are_compared_as_numbers(x: FakeX) -> None:
    x.add_post("20", "@Fernway now")
    cursor = json.dumps({"since_id": "9"})
    x.fail("/2/users/10/mentions", Answer(200, {"meta": {"newest_id": "10", "result_count": 0}}))

    batch = source_of(x).fetch(cursor)

    assert json.loads(batch.cursor or "") == {"since_id": "10"}


def test_the_first_fetch_looks_back_as_far_as_it_is_told_until_a_post_is_seen(x: FakeX, clock: Clock) -> None:
    x.add_post("20", "@Fernway long ago", at=START - timedelta(hours=30))
    empty = source_of(x).fetch(None)
    clock.advance(3600)
    recent = x.add_post("20", "@Fernway recent")

    assert not empty.mentions
    assert json.loads(empty.cursor or "") == {"start_time": "2026-03-10T08:00:00Z"}
    assert only(source_of(x).fetch(empty.cursor)).external_id == recent


def test_search_polls_overlap_because_its_index_is_late(x: FakeX, clock: Clock) -> None:
    source = source_of(x, XFeed.SEARCH, query="fernway broken -is:retweet")
    seen = x.add_post("20", "fernway is broken")
    first = source.fetch(None)
    late = x.add_post("30", "fernway broken, indexed late", at=START - timedelta(seconds=40))

    found = {mention.external_id for mention in source.fetch(first.cursor).mentions}

    assert late in found
    assert found == {seen, late}


def test_a_search_that_was_off_for_longer_than_x_keeps_posts_says_what_it_missed(
    x: FakeX, clock: Clock
) -> None:
    source = source_of(x, XFeed.SEARCH, query="fernway")
    x.add_post("20", "fernway")
    cursor = source.fetch(None).cursor
    clock.advance(9 * 24 * 3600)
    newest = x.add_post("20", "fernway again")

    batch = source.fetch(cursor)

    assert only(batch).external_id == newest
    [gap] = batch.gaps
    assert abs(gap.since - START) <= timedelta(seconds=60)
    assert gap.until == clock() - timedelta(days=7) + timedelta(minutes=5)
    assert "keeps posts for 7 days only" in gap.reason
    assert not source.fetch(batch.cursor).gaps


def test_a_search_that_never_found_anything_reports_no_gap_for_as_long_as_it_runs(
    x: FakeX, clock: Clock
) -> None:
    source = source_of(x, XFeed.SEARCH, query="fernway")
    cursor = None
    for _ in range(10):
        batch = source.fetch(cursor)
        assert not batch.gaps
        cursor = batch.cursor
        clock.advance(24 * 3600)
    x.add_post("20", "fernway at last")

    assert only(source.fetch(cursor)).text == "fernway at last"


def test_an_empty_search_that_was_off_for_longer_says_so_too(x: FakeX, clock: Clock) -> None:
    source = source_of(x, XFeed.SEARCH, query="fernway")
    cursor = source.fetch(None).cursor
    clock.advance(30 * 24 * 3600)

    assert len(source.fetch(cursor).gaps) == 1


def test_a_timeline_that_ends_at_its_limit_says_from_when_posts_may_be_missing(
    x: FakeX, clock: Clock
) -> None:
    oldest = START + timedelta(seconds=5)
    for number in range(12):
        x.add_post("20", f"@Fernway {number}", at=oldest + timedelta(minutes=number))
    since = str(int(x.next_id(START - timedelta(days=1))))
    cursor = json.dumps({"since_id": since, "next_token": "t-0-9223372036854775807", "passed": 790})

    gaps = [gap for batch in drain(source_of(x), cursor) for gap in batch.gaps]

    assert [(gap.since, gap.until) for gap in gaps] == [(START - timedelta(days=1), oldest)]
    assert "ends after 800 posts" in gaps[0].reason


def test_the_rate_limits_headroom_is_passed_on(x: FakeX) -> None:
    x.fail(
        "/2/users/10/mentions",
        Answer(
            200,
            {"meta": {"result_count": 0}},
            {
                "x-rate-limit-limit": "450",
                "x-rate-limit-remaining": "17",
                "x-rate-limit-reset": str(int(START.timestamp()) + 60),
            },
        ),
        Answer(200, {"meta": {"result_count": 0}}, {"x-rate-limit-limit": "many"}),
    )
    source = source_of(x)

    assert source.fetch(None).headroom == Headroom(17, 450, START + timedelta(seconds=60))
    assert source.fetch(None).headroom is None


def test_the_account_is_looked_up_by_its_handle_once(x: FakeX) -> None:
    x.add_post("20", "@Fernway hello")
    source = source_of(x, account=XAccount("fernway", "fernway"))
    source.fetch(None)
    source.fetch(None)

    assert [path for _, path in x.requests if "by/username" in path] == ["/2/users/by/username/fernway"]


def test_user_keys_alone_are_enough_to_read(x: FakeX) -> None:
    x.add_post("20", "@Fernway hello")
    keys = XCredentials(
        None, KEYS.consumer_key, KEYS.consumer_secret, KEYS.access_token, KEYS.access_token_secret
    )

    assert source_of(x, credentials=keys).fetch(None).mentions


@pytest.mark.parametrize("cursor", ["", "7", "[]", '{"line": 3}', '{"since_id": "abc"}', '{"since_id": 5}'])
def test_a_foreign_cursor_is_refused_in_words(x: FakeX, cursor: str) -> None:
    with pytest.raises(SourceError, match="not one that an X source wrote"):
        source_of(x).fetch(cursor)
