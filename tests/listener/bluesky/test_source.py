"""Notifications and own posts: nothing lost behind late, forged, full or broken pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from desk.errors import InputError, SourceError
from desk.ports import Batch
from listener.platforms.bluesky.feeds import BlueskyFeed
from listener.platforms.bluesky.source import BlueskySource
from tests.fakes.bluesky_api import FakeBluesky, stamp
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer

_LIST = "/xrpc/app.bsky.notification.listNotifications"


def source(bluesky: FakeBluesky, feed: BlueskyFeed = BlueskyFeed.MENTIONS, **facts: Any) -> BlueskySource:
    options: dict[str, Any] = {"page_size": 10} | facts
    return BlueskySource(bluesky.client(), brand="fernway", feed=feed, now=bluesky.clock, **options)


def drain(source: BlueskySource, cursor: str | None = None) -> tuple[list[Batch], str | None]:
    batches = []
    while True:
        batch = source.fetch(cursor)
        batches.append(batch)
        cursor = batch.cursor
        if not batch.more:
            return batches, cursor
        assert len(batches) < 100


def texts(batches: list[Batch]) -> list[str]:
    return sorted(mention.text.removeprefix("@fernway.example ") for b in batches for mention in b.mentions)


def tell(bluesky: FakeBluesky, who: str, text: str, **facts: Any) -> str:
    return bluesky.add(who, f"@fernway.example {text}", **facts)


def test_only_what_is_addressed_to_the_account_is_asked_for(bluesky: FakeBluesky, ana: str) -> None:
    like = tell(bluesky, ana, "a like, really")
    bluesky.notifications = [(post, "like") for post, _ in bluesky.notifications]
    tell(bluesky, ana, "help")

    batches, _ = drain(source(bluesky))

    assert texts(batches) == ["help"]
    assert like not in str(batches)
    assert "priority=false" in next(path for _, path in bluesky.requests if path.startswith(_LIST))


def test_a_server_that_knows_no_filter_is_filtered_here(bluesky: FakeBluesky, ana: str) -> None:
    uri = tell(bluesky, ana, "liked")
    bluesky.raw = {uri: {"reason": "like", "uri": uri, "cid": "bafyreilike"}}

    batches, _ = drain(source(bluesky))

    assert (texts(batches), batches[0].bad) == ([], ())


def test_a_post_that_claims_an_earlier_time_is_found_below_the_known_ones(
    bluesky: FakeBluesky, ana: str, clock: Clock
) -> None:
    reader = source(bluesky)
    for number in range(12):
        tell(bluesky, ana, f"{number:02}")
        clock.advance(60)
    _, cursor = drain(reader)

    tell(bluesky, ana, "late", createdAt=stamp(clock() - timedelta(hours=3)))
    batches, _ = drain(reader, cursor)

    assert texts(batches) == ["late"]


def test_one_request_is_enough_where_nothing_is_new(bluesky: FakeBluesky, ana: str) -> None:
    reader = source(bluesky)
    tell(bluesky, ana, "help")
    _, cursor = drain(reader)
    before = len(bluesky.requests)

    drain(reader, cursor)

    assert [path.partition("?")[0] for _, path in bluesky.requests[before:]] == [
        _LIST,
        "/xrpc/app.bsky.feed.getPosts",
    ]


def test_after_a_long_outage_every_post_since_is_read(bluesky: FakeBluesky, ana: str, clock: Clock) -> None:
    reader = source(bluesky)
    tell(bluesky, ana, "before")
    _, cursor = drain(reader)
    clock.advance(5 * 86_400)
    for number in range(233):
        tell(bluesky, ana, f"{number:03}", at=clock() - timedelta(minutes=30 * (233 - number)))

    batches, cursor = drain(reader, cursor)
    after, _ = drain(reader, cursor)

    assert texts(batches) == [f"{number:03}" for number in range(233)]
    assert texts(after) == []
    assert not any(batch.gaps for batch in batches)


def test_a_list_that_ends_early_leaves_a_gap_that_is_told(
    bluesky: FakeBluesky, ana: str, clock: Clock
) -> None:
    reader = source(bluesky)
    known = clock()
    tell(bluesky, ana, "before")
    _, cursor = drain(reader)
    bluesky.notifications.clear()
    clock.advance(90 * 86_400)
    oldest = clock()
    for number in range(25):
        tell(bluesky, ana, f"{number:02}")
        clock.advance(60)

    batches, _ = drain(reader, cursor)

    (gap,) = [gap for batch in batches for gap in batch.gaps]
    assert len(texts(batches)) == 25
    assert (gap.since, gap.until) == (known, oldest)
    assert "ends before" in gap.reason


def test_a_page_token_that_is_no_longer_taken_begins_the_walk_anew(bluesky: FakeBluesky, ana: str) -> None:
    for number in range(25):
        tell(bluesky, ana, f"{number:02}")
    first = source(bluesky).fetch(None)
    bluesky.fail(_LIST, Answer(400, {"error": "InvalidRequest", "message": "Malformed cursor"}))

    batches, _ = drain(source(bluesky), first.cursor)

    assert texts([first, *batches]) == [f"{number:02}" for number in range(25)]


def test_a_page_that_is_refused_again_and_again_is_told(bluesky: FakeBluesky, ana: str) -> None:
    for number in range(25):
        tell(bluesky, ana, f"{number:02}")
    first = source(bluesky).fetch(None)
    bluesky.fail(_LIST, *[Answer(400, {"error": "InvalidRequest"})] * 9)

    with pytest.raises(SourceError) as caught:
        source(bluesky).fetch(first.cursor)

    assert caught.value.permanent


def test_an_edit_comes_as_the_same_post_with_other_words(bluesky: FakeBluesky, ana: str) -> None:
    reader = source(bluesky)
    uri = tell(bluesky, ana, "frist")
    _, cursor = drain(reader)

    bluesky.edit(uri, "@fernway.example first")
    batches, cursor = drain(reader, cursor)
    after, _ = drain(reader, cursor)

    assert [mention.external_id for batch in batches for mention in batch.mentions] == [uri]
    assert (texts(batches), texts(after)) == (["first"], [])


def test_a_deletion_is_told_once(bluesky: FakeBluesky, ana: str) -> None:
    reader = source(bluesky)
    uri = tell(bluesky, ana, "help")
    _, cursor = drain(reader)

    bluesky.delete(uri)
    batches, cursor = drain(reader, cursor)
    after, _ = drain(reader, cursor)

    assert [gone for batch in batches for gone in batch.deleted] == [f"bluesky:{uri}"]
    assert not any(batch.deleted for batch in after)


def test_a_post_that_is_only_hidden_from_us_is_not_deleted(bluesky: FakeBluesky, ana: str) -> None:
    reader = source(bluesky)
    uri = tell(bluesky, ana, "help")
    _, cursor = drain(reader)

    bluesky.hidden.add(uri)
    batches, _ = drain(reader, cursor)

    assert not any(batch.deleted for batch in batches)


def test_an_outage_of_the_view_deletes_nothing(bluesky: FakeBluesky, ana: str) -> None:
    reader = source(bluesky)
    uri = tell(bluesky, ana, "help")
    _, cursor = drain(reader)
    bluesky.hidden.add(uri)
    bluesky.fail("/xrpc/com.atproto.repo.getRecord", Answer(502, {"error": "UpstreamFailure"}))

    with pytest.raises(SourceError):
        reader.fetch(cursor)


def test_a_gone_post_that_is_still_listed_does_not_come_back(bluesky: FakeBluesky, ana: str) -> None:
    reader = source(bluesky)
    uri = tell(bluesky, ana, "help")
    _, cursor = drain(reader)
    listed = list(bluesky.notifications)
    bluesky.delete(uri)
    bluesky.notifications = listed

    first, cursor = drain(reader, cursor)
    second, _ = drain(reader, cursor)

    assert [len(batch.deleted) for batch in first] == [1]
    assert (texts(second), [len(batch.deleted) for batch in second]) == ([], [0])


def test_a_post_that_the_view_does_not_know_yet_comes_from_its_notification(
    bluesky: FakeBluesky, ana: str
) -> None:
    bluesky.late.add(tell(bluesky, ana, "help"))

    batches, _ = drain(source(bluesky))

    assert texts(batches) == ["help"]


def test_whether_we_may_answer_comes_with_the_post(bluesky: FakeBluesky, ana: str) -> None:
    uri = tell(bluesky, ana, "just saying")
    bluesky.posts[uri].viewer = {"replyDisabled": True}

    batches, _ = drain(source(bluesky))

    assert [m.replyable.allowed for batch in batches for m in batch.mentions] == [False]


def test_own_posts_are_the_brands_and_reposts_are_nobodys(bluesky: FakeBluesky, ana: str) -> None:
    asked = tell(bluesky, ana, "help")
    ours = bluesky.reply(bluesky.me, asked, "From the app")
    repost = bluesky.add(bluesky.me, "a repost")
    bluesky.raw = {repost: {"reason": {"$type": "app.bsky.feed.defs#reasonRepost"}, "post": {}}}

    batches, _ = drain(source(bluesky, BlueskyFeed.OWN))

    (mention,) = [mention for batch in batches for mention in batch.mentions]
    assert (mention.external_id, mention.from_brand) == (ours, True)
    assert (mention.in_reply_to, mention.conversation_id) == (asked, asked)
    assert not any(batch.bad for batch in batches)


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit-Limit": "3000", "RateLimit-Remaining": "2990", "RateLimit-Reset": "1773133260"},
        {"X-RateLimit-Limit": "3000", "X-RateLimit-Remaining": "2990", "X-RateLimit-Reset": "60"},
        {"RateLimit": "limit=3000, remaining=2990, reset=60"},
        {"RateLimit": '"default";r=2990;t=60', "RateLimit-Policy": '"default";q=3000;w=300'},
    ],
    ids=["Bluesky", "prefixed", "draft 3", "draft 10"],
)
def test_headroom_is_read_in_every_form(
    bluesky: FakeBluesky, ana: str, clock: Clock, headers: dict[str, str]
) -> None:
    tell(bluesky, ana, "help")
    bluesky.headers = headers

    headroom = source(bluesky).fetch(None).headroom

    assert headroom is not None
    assert (headroom.limit, headroom.remaining) == (3000, 2990)
    assert headroom.resets_at == clock() + timedelta(seconds=60)


@pytest.mark.parametrize("cursor", ["", "7", "[]", "{}", '{"start": -1}', '{"start": 1, "seen": [[1, 2]]}'])
def test_a_cursor_of_another_source_is_refused(bluesky: FakeBluesky, cursor: str) -> None:
    with pytest.raises(SourceError, match="remove that cursor") as caught:
        source(bluesky).fetch(cursor)

    assert caught.value.permanent


@pytest.mark.parametrize("facts", [{"page_size": 0}, {"page_size": 101}, {"lookback": -1}])
def test_settings_that_no_server_takes_are_refused(bluesky: FakeBluesky, facts: dict[str, int]) -> None:
    with pytest.raises(InputError):
        source(bluesky, **facts)
