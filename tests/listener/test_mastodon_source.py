"""Mastodon as a source: paging, late posts, edits, deletions, threads, and servers with their own habits."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from desk.errors import InputError, SourceError
from desk.model.mention import Mention
from desk.ports import Batch, Headroom
from listener.mastodon import MastodonAccount, MastodonFeed, MastodonSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.mastodon_api import TOKEN, FakeMastodon

MENTIONS, HASHTAG, SEARCH, OWN = (
    MastodonFeed.MENTIONS,
    MastodonFeed.HASHTAG,
    MastodonFeed.SEARCH,
    MastodonFeed.OWN,
)


def peopled(fake: FakeMastodon) -> FakeMastodon:
    fake.add_account("10", "fernway", me=True)
    fake.add_account("20", "ana@far.example")
    fake.add_account("30", "ben")
    return fake


@pytest.fixture
def server(clock: Clock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock) as fake:
        yield peopled(fake)


def source_of(fake: FakeMastodon, feed: MastodonFeed = MENTIONS, **settings: Any) -> MastodonSource:
    topic = {HASHTAG: "fern", SEARCH: "broke"}.get(feed, "")
    defaults: dict[str, Any] = {"query": topic, "now": fake.clock, "page_size": 10, "timeout_seconds": 5}
    return MastodonSource(settings.pop("account", fake.account()), feed=feed, **(defaults | settings))


def drain(source: MastodonSource, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
        assert len(batches) < 100
    return batches


def mentions(batches: list[Batch]) -> list[Mention]:
    return [mention for batch in batches for mention in batch.mentions]


def ids(batches: list[Batch]) -> list[str]:
    return [mention.external_id.partition("@")[0] for mention in mentions(batches)]


def only(batches: list[Batch]) -> Mention:
    [mention] = mentions(batches)
    return mention


def test_a_post_reaches_the_desk_with_what_the_server_says_of_it(server: FakeMastodon) -> None:
    status_id = server.add(
        "20", "@fernway it broke & <nothing> works\n\nsee https://fernway.example/help/a/b/c"
    )

    mention = only(drain(source_of(server)))

    assert mention.id == f"mastodon:{status_id}@127.0.0.1:{server.port}"
    assert mention.text == (
        "@fernway@social.example it broke & <nothing> works\n\nsee https://fernway.example/help/a/b/c"
    )
    assert (mention.author.external_id, mention.author.handle) == ("ana@far.example", "ana@far.example")
    assert mention.author.name == "Ana"
    assert mention.created_at == mention.received_at == START
    assert (mention.conversation_id, mention.in_reply_to) == (mention.external_id, None)
    assert (mention.brand, mention.from_brand, mention.automatic) == ("fernway", False, False)
    assert (mention.language, mention.url) == ("en", f"https://social.example/@x/{status_id}")
    assert mention.replyable.allowed


def test_local_people_are_known_by_the_servers_name_too(server: FakeMastodon) -> None:
    server.instance = {"uri": "https://Social.Example", "version": "2.7.2 (compatible; Pleroma 2.5)"}
    server.has_v2 = False
    server.add("30", "@fernway hello")

    assert only(drain(source_of(server))).author.handle == "ben@social.example"


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
    source = source_of(server, SEARCH, lookback=5)
    server.add("20", "it broke long ago", at=START - timedelta(days=3))
    posted = [server.add("20", f"it broke {n}") for n in range(45)]
    first = drain(source)
    clock.advance(60)
    later = [server.add("20", f"broke again {n}") for n in range(12)]

    second = drain(source, first[-1].cursor)

    assert sorted(ids(first)) == sorted(posted)
    assert set(later) <= set(ids(second))
    assert not mentions(drain(source, second[-1].cursor))


def test_a_copy_under_another_id_is_no_second_post(server: FakeMastodon) -> None:
    first = server.add("20", "@fernway help", uri="https://far.example/1")
    source = source_of(server)
    batches = drain(source)
    server.add("20", "@fernway help", uri="https://far.example/1")

    batches += drain(source, batches[-1].cursor)

    assert ids(batches) == [first]


def test_own_posts_are_the_brands_and_know_their_thread(server: FakeMastodon) -> None:
    root = server.add("20", "it all began here")
    middle = server.add("30", "@ana@far.example same", in_reply_to=root)
    asked = server.add("20", "@fernway see above", in_reply_to=middle)
    answer = server.add(
        "10", "@ana@far.example we are on it", in_reply_to=asked, extra={"spoiler_text": "help"}
    )
    server.accounts["10"]["bot"] = True

    question, reply = only(drain(source_of(server))), only(drain(source_of(server, OWN)))

    assert reply.external_id.startswith(answer)
    assert (reply.from_brand, reply.automatic) == (True, False)
    assert reply.text == "@ana@far.example we are on it"
    assert reply.in_reply_to == question.external_id
    assert reply.conversation_id == question.conversation_id == f"{root}@127.0.0.1:{server.port}"


def test_a_thread_is_looked_up_once(server: FakeMastodon) -> None:
    root = server.add("20", "@fernway first")
    last = root
    for number in range(6):
        last = server.add("20", f"@fernway {number}", in_reply_to=last)
    source = source_of(server, page_size=40)
    batches = drain(source)
    server.add("20", "@fernway and now", in_reply_to=last)

    batches += drain(source_of(server), batches[-1].cursor)

    assert {m.conversation_id for m in mentions(batches)} == {f"{root}@127.0.0.1:{server.port}"}
    assert sum("/context" in path for _, path in server.requests) == 1


def test_a_thread_that_cannot_be_shown_stops_nobody_but_a_busy_server_is_asked_again(
    server: FakeMastodon,
) -> None:
    parent = server.add("20", "it broke")
    answer = server.add("20", "@fernway see", in_reply_to=parent)
    context = f"/api/v1/statuses/{answer}/context"
    server.fail(context, Answer(503, {}))
    with pytest.raises(SourceError):
        source_of(server).fetch(None)
    server.fail(context, Answer(500, {"error": "broken for good"}))

    assert only(drain(source_of(server))).conversation_id.startswith(parent)


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


@pytest.mark.parametrize(
    ("visibility", "says"),
    [("public", ""), ("unlisted", ""), ("private", "Only followers"), ("direct", "private message")],
)
def test_whoever_can_be_answered_is_told_who_will_see_it(
    server: FakeMastodon, visibility: str, says: str
) -> None:
    server.add("20", "@fernway help", visibility=visibility)

    replyable = only(drain(source_of(server))).replyable

    assert replyable.allowed
    assert says in replyable.reason


def test_an_author_who_takes_no_replies_is_not_answered_unless_they_name_us(server: FakeMastodon) -> None:
    closed = {"interaction_policy": {"can_reply": {"always": ["author", "mentioned"], "with_approval": []}}}
    server.add("20", "so annoying #fern", extra=closed)
    server.add("20", "@fernway so annoying", extra=closed)

    assert not only(drain(source_of(server, HASHTAG))).replyable.allowed
    assert only(drain(source_of(server))).replyable.allowed


def test_warnings_pictures_and_bots_are_shown(server: FakeMastodon) -> None:
    server.add_account("40", "robot@far.example", bot=True)
    pictures = [{"type": "image", "description": "a torn parcel"}, {"type": "gifv"}, "nothing"]
    server.add("40", "@fernway look", extra={"spoiler_text": "rant", "media_attachments": pictures})
    server.add("20", "#fern", extra={"content": "", "media_attachments": pictures[:1]})
    server.add("30", "#fern", extra={"content": ""})

    mention = only(drain(source_of(server)))
    wordless = mentions(drain(source_of(server, HASHTAG)))

    assert mention.text == "rant\n\n@fernway@social.example look\n\n[image: a torn parcel]\n[attachment]"
    assert mention.automatic
    # An empty text would mean that the author took it back.
    assert {m.text for m in wordless} == {"[image: a torn parcel]", "(no words)"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"id": 7}, '"id"'),
        ({"content": None}, '"content"'),
        ({"account": "ana"}, '"account"'),
        ({"account": {"acct": ""}}, "account.acct"),
        ({"created_at": "yesterday"}, '"created_at" is not an ISO'),
        ({"created_at": 5}, '"created_at" is missing'),
        ({"content": "x" * 150_000}, "150,000 characters"),
    ],
)
def test_one_bad_status_is_set_aside_and_the_others_come(
    server: FakeMastodon, wrong: dict[str, Any], says: str
) -> None:
    status_id = server.add("20", "#fern")
    good = server.add("20", "#fern good")
    server.statuses[status_id].extra = wrong

    batches = drain(source_of(server, HASHTAG))

    [bad] = [bad for batch in batches for bad in batch.bad]
    assert says in bad.reason
    assert ids(batches) == [good]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Answer(200, b"<!DOCTYPE html><title>Checking your browser</title>"), "a web page"),
        (Answer(200, b'[{"id": "1", '), "cut off or no JSON"),
        (Answer(200, b"[" * 100_000), "cut off or no JSON"),
        (Answer(200, {"error": "x"}), "no list"),
        (Answer(200, {"a": "b" * 50}, cut=True), "broke before the answer was complete"),
        (Answer(500, b"<h1>oops</h1>"), "answered 500;"),
        (Answer(502, {"error": "busy\u202e\n"}), "answered 502: busy;"),
        (Hang(), "did not answer within 0.3 s"),
        (Reset(), "broke before the answer was complete"),
    ],
)
def test_a_bad_page_is_a_source_error_that_passes(server: FakeMastodon, fault: Any, says: str) -> None:
    server.add("20", "@fernway help")
    source = source_of(server, timeout_seconds=0.3)
    twice = isinstance(fault, Reset) or (isinstance(fault, Answer) and fault.cut)
    server.fail("/api/v1/notifications", *[fault] * (2 if twice else 1))

    with pytest.raises(SourceError, match=says) as caught:
        source.fetch(None)

    assert not caught.value.permanent
    assert len(mentions(drain(source_of(server)))) == 1


def test_a_kept_connection_that_is_reset_is_opened_anew(server: FakeMastodon) -> None:
    source = source_of(server)
    server.add("20", "@fernway help")
    cursor = drain(source)[-1].cursor
    server.fail("/api/v1/notifications", Reset())
    server.connections.clear()

    assert not source.fetch(cursor).mentions

    ports = [port for _, port in server.connections]
    assert ports[0] != ports[1]
    assert len(set(ports[1:])) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"X-RateLimit-Reset": str(int(START.timestamp()) + 120)}, 120),
        ({"X-RateLimit-Reset": "2026-03-10T09:02:00.123456Z"}, 120.123456),
        ({"Retry-After": "30", "X-RateLimit-Reset": "2026-03-10T09:02:00Z"}, 30),
        ({}, 60),
        ({"X-RateLimit-Reset": "soon"}, 60),
    ],
)
def test_a_full_rate_limit_is_waited_for_in_whatever_form_it_is_told(
    server: FakeMastodon, headers: dict[str, str], wait: float
) -> None:
    server.fail("/api/v1/notifications", Answer(429, {"error": "Too many requests"}, headers))

    with pytest.raises(SourceError, match="Too many requests") as caught:
        source_of(server).fetch(None)

    assert caught.value.retry_after_seconds == pytest.approx(wait)


def test_the_room_that_is_left_is_passed_on(server: FakeMastodon) -> None:
    assert source_of(server).fetch(None).headroom is None
    server.reset = "2026-03-10T09:05:00Z"

    assert source_of(server).fetch(None).headroom == Headroom(299, 300, START + timedelta(minutes=5))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410, 422])
def test_what_a_person_has_to_put_right_is_permanent(server: FakeMastodon, status: int) -> None:
    server.fail(
        "/api/v1/notifications", Answer(status, {"error": "no"}, {"Location": "https://evil.example"})
    )

    with pytest.raises(SourceError, match="no") as caught:
        source_of(server).fetch(None)

    assert caught.value.permanent


def test_a_token_of_another_account_is_refused(server: FakeMastodon) -> None:
    assert source_of(server, account=server.account(handle="@Fernway@social.example")).fetch(None)
    with pytest.raises(SourceError, match="belongs to another account than @other") as caught:
        source_of(server, account=server.account(handle="other")).fetch(None)
    assert caught.value.permanent


def test_nothing_shows_the_token(server: FakeMastodon, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source_of(server).fetch(None)
    server.fail("/api/v1/notifications", Answer(403, {"error": f"token {TOKEN} has no scope"}))

    with pytest.raises(SourceError) as caught:
        source_of(server).fetch(None)

    assert TOKEN not in caplog.text + str(caught.value) + repr(server.account())


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"min_id": "../x"}', '{"seen": [[1]]}', '{"start": "never"}', '{"other": 1}', '{"seen": 3}'],
)
def test_a_cursor_of_something_else_is_said_to_be_one(server: FakeMastodon, text: str) -> None:
    with pytest.raises(SourceError, match="begin anew") as caught:
        source_of(server).fetch(text)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://social.example", "readable on its way"),
        ("ftp://social.example", "is no address"),
        ("https://", "is no address"),
        ("https://user@social.example", "is no address"),
        ("https://social.example:port", "is no address"),
        ("https://[", "is no address"),
    ],
)
def test_an_address_that_would_endanger_the_token_is_refused(clock: Clock, address: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        MastodonSource(MastodonAccount("fernway", address, SecretStr("t")), feed=MENTIONS, now=clock)


@pytest.mark.parametrize(
    "settings",
    [
        {"feed": HASHTAG},
        {"feed": HASHTAG, "query": "two words"},
        {"feed": SEARCH, "query": " "},
        {"feed": MENTIONS, "query": "x"},
        {"feed": OWN, "page_size": 81},
        {"feed": OWN, "lookback": -1},
        {"feed": OWN, "account": MastodonAccount("fernway", "social.example", SecretStr(" "))},
    ],
)
def test_settings_that_no_server_takes_are_refused(clock: Clock, settings: dict[str, Any]) -> None:
    account = MastodonAccount("fernway", "social.example", SecretStr("t"))
    with pytest.raises(InputError):
        MastodonSource(settings.pop("account", account), now=clock, **settings)


def test_sources_of_one_account_have_names_of_their_own(clock: Clock) -> None:
    account = MastodonAccount("fernway", "https://Social.Example:443/", SecretStr("t"))
    named = [
        MastodonSource(account, feed=feed, query=query, now=clock).name
        for feed, query in ((MENTIONS, ""), (OWN, ""), (HASHTAG, "#Fern"), (SEARCH, "fern broken"))
    ]

    assert named == [
        "mastodon:social.example:mentions",
        "mastodon:social.example:own",
        "mastodon:social.example:hashtag:Fern",
        "mastodon:social.example:search:fern broken",
    ]
