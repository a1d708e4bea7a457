"""X as a source: the documented cursor rule, edits, deletions, and whom we may answer."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from desk.errors import InputError, SourceError
from desk.model.mention import Mention
from desk.ports import Batch, Headroom
from listener.platforms.x.source import XAccount, XCredentials, XFeed, XSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.x_api import KEYS, FakeX

ACCOUNT = XAccount("fernway", "Fernway", "10")


def source_of(x: FakeX, feed: XFeed = XFeed.MENTIONS, **settings: Any) -> XSource:
    defaults: dict[str, Any] = {"feed": feed, "now": x.clock, "base_url": x.url, "page_size": 10}
    account = settings.pop("account", ACCOUNT)
    return XSource(account, settings.pop("credentials", KEYS), **(defaults | settings))


def drain(source: XSource, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
    return batches


def mentions(batches: list[Batch]) -> list[Mention]:
    return [mention for batch in batches for mention in batch.mentions]


def only(batch: Batch) -> Mention:
    [mention] = batch.mentions
    return mention


def test_a_post_reaches_the_desk_with_what_x_says_of_it(x: FakeX) -> None:
    first = x.add_post("20", "@Fernway it broke &amp; <nothing> works", lang="en")

    mention = only(source_of(x).fetch(None))

    assert mention.id == f"x:{first}"
    assert mention.text == "@Fernway it broke &amp; <nothing> works"
    assert (mention.author.external_id, mention.author.handle, mention.author.name) == ("20", "ana", "Ana")
    assert mention.created_at == mention.received_at == START
    assert (mention.conversation_id, mention.in_reply_to, mention.from_brand) == (first, None, False)
    assert (mention.language, mention.url) == ("en", f"https://x.com/ana/status/{first}")
    assert mention.replyable.allowed
    assert mention.brand == "fernway"


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


def test_an_edit_stays_the_same_mention(x: FakeX, clock: Clock) -> None:
    source = source_of(x)
    first = x.add_post("20", "@Fernway it brok")
    before = source.fetch(None)
    clock.advance(60)
    x.edit(first, "@Fernway it broke")

    after = source.fetch(before.cursor)

    assert only(before).id == only(after).id == f"x:{first}"
    assert only(after).text == "@Fernway it broke"
    assert only(after).created_at == only(before).created_at == START


def test_a_version_that_was_replaced_does_not_come_back_as_an_edit(x: FakeX) -> None:
    first = x.add_post("20", "@Fernway old words")
    x.posts[first].history.append(x.next_id(START))

    assert not source_of(x).fetch(None).mentions


def test_a_long_post_comes_whole(x: FakeX) -> None:
    x.add_post("20", "@Fernway it began…", note="@Fernway it began and went on & on")

    assert only(source_of(x).fetch(None)).text == "@Fernway it began and went on & on"


def test_links_show_where_they_lead(x: FakeX) -> None:
    links = [
        {"url": "https://t.co/abc", "expanded_url": "https://fernway.example/help?a=1&b=2"},
        {"url": "https://t.co/bad", "expanded_url": "javascript:alert(1)"},
        {"url": "Fernway", "expanded_url": "https://evil.example"},
        {"display_url": "half an entity"},
    ]
    x.add_post("20", "@Fernway see https://t.co/abc or https://t.co/bad", links=links)

    assert only(source_of(x).fetch(None)).text == (
        "@Fernway see https://fernway.example/help?a=1&b=2 or https://t.co/bad"
    )


def test_only_an_author_who_mentions_or_quotes_the_account_may_be_answered(x: FakeX) -> None:
    source = source_of(x, XFeed.SEARCH, query="Fernway")
    ours = x.add_post("10", "Fernway news")
    theirs = x.add_post("30", "unrelated")
    cases = {
        x.add_post("20", "@fernway help. Fernway!"): True,
        x.add_post("20", "Fernway is awful"): False,
        x.add_post("20", "Fernway, look", quoted=ours): True,
        x.add_post("20", "Fernway, see this", quoted=theirs): False,
        x.add_post("20", "@FernwayFans Fernway me@Fernway"): False,
        x.add_post("20", "@Fernway and Fernway", extra={"entities": None}): True,
    }

    found = {m.external_id: m.replyable for m in source.fetch(None).mentions}

    assert {key: found[key].allowed for key in cases} == cases
    refused = next(key for key, allowed in cases.items() if not allowed)
    assert "Listen only" in found[refused].reason


def test_the_accounts_own_replies_come_as_the_brands(x: FakeX) -> None:
    question = x.add_post("20", "@Fernway help")
    answer = x.add_post("10", "@ana on it", replied_to=question)

    mention = only(source_of(x, XFeed.OWN).fetch(None))

    assert (mention.external_id, mention.in_reply_to, mention.conversation_id) == (answer, question, question)
    assert mention.from_brand
    assert x.requests[-1][1].find("exclude=retweets") > 0


def test_a_retweet_is_nobodys_complaint(x: FakeX) -> None:
    original = x.add_post("20", "@Fernway broke")
    x.add_post(
        "30", "RT @Fernway broke", extra={"referenced_tweets": [{"type": "retweeted", "id": original}]}
    )

    assert [m.external_id for m in source_of(x).fetch(None).mentions] == [original]


@pytest.mark.parametrize(
    ("lang", "said"), [("tr", "tr"), ("und", None), ("qme", None), ("in", "id"), ("zh-TW", "zh"), (7, None)]
)
def test_languages_are_iso_639_1_or_none(x: FakeX, lang: Any, said: str | None) -> None:
    x.add_post("20", "@Fernway hm", lang=lang)

    assert only(source_of(x).fetch(None)).language == said


def test_a_suspended_author_and_a_missing_conversation_do_not_lose_the_post(x: FakeX) -> None:
    del x.users["30"]
    question = x.add_post("20", "@Fernway help")
    x.add_post("30", "@Fernway me too", replied_to=question, extra={"conversation_id": None})

    mention = next(m for m in source_of(x).fetch(None).mentions if m.in_reply_to)

    assert (mention.author.handle, mention.conversation_id) == ("30", question)


BAD_POSTS: list[tuple[Any, str]] = [
    ("a string", "not a JSON object"),
    ({"text": "@Fernway"}, '"id" is missing'),
    ({"id": "12x", "text": "@Fernway"}, '"id" is missing or no id'),
    ({"id": "5", "text": "@Fernway"}, '"author_id" is missing'),
    ({"id": "5", "author_id": "20"}, '"text" is missing'),
    ({"id": "5", "author_id": "20", "text": "hi"}, '"created_at" is missing'),
    (
        {"id": "5", "author_id": "20", "text": "hi", "created_at": "soon"},
        '"created_at" is not an ISO 8601 time',
    ),
    ({"id": "5", "author_id": "20", "text": "x" * 100_001, "created_at": "soon"}, "100,001 characters"),
]


@pytest.mark.parametrize(("post", "reason"), BAD_POSTS)
def test_a_bad_post_in_a_page_is_set_aside_and_the_rest_comes(x: FakeX, post: Any, reason: str) -> None:
    kept = [x.add_post("20", f"@Fernway {n}") for n in range(3)]
    x.raw[kept[1]] = post

    batch = source_of(x).fetch(None)

    assert {m.external_id for m in batch.mentions} == {kept[0], kept[2]}
    [bad] = batch.bad
    assert reason in bad.reason
    assert bad.raw == json.dumps(post)[:10_000]
    again = source_of(x).fetch(None)
    assert [b.position for b in again.bad] == [bad.position]


def test_partial_errors_inside_a_page_tell_of_deletions(x: FakeX) -> None:
    x.add_post("20", "@Fernway hello")
    gone = {
        "type": "https://api.x.com/2/problems/resource-not-found",
        "resource_type": "tweet",
        "resource_id": "77",
    }
    hidden = gone | {"type": "https://api.x.com/2/problems/not-authorized-for-resource", "resource_id": "78"}
    user = gone | {"resource_type": "user", "resource_id": "79"}
    x.errors = [gone, hidden, user]

    batch = source_of(x).fetch(None)

    assert len(batch.mentions) == 1
    assert list(batch.deleted) == ["x:77"]


@pytest.mark.parametrize(
    ("fault", "permanent", "wait", "words"),
    [
        (Answer(503, b"<html>over capacity"), False, None, "503"),
        (Answer(500, []), False, None, "500"),
        (Answer(503, {}, {"Retry-After": "120"}), False, 120.0, "503"),
        (
            Answer(429, {}, {"x-rate-limit-reset": str(int(START.timestamp()) + 300)}),
            False,
            300.0,
            "rate limit",
        ),
        (Answer(429, {}, {"x-rate-limit-reset": "2026-03-10T09:05:00Z"}), False, 300.0, "rate limit"),
        (Answer(429, {}, {"x-rate-limit-reset": "whenever"}), False, 60.0, "rate limit"),
        (Answer(429, {}), False, 60.0, "rate limit"),
        (Answer(401, {"title": "Unauthorized"}), True, None, "Unauthorized. Check the X keys"),
        (Answer(403, {"errors": [{"code": 453, "message": "No access"}]}), True, None, "No access"),
        (Answer(400, {"errors": [{"message": "bad query"}], "title": "Invalid"}), True, None, "bad query"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), False, None, "302"),
        (Answer(200, b'{"data": [{"id"', cut=False), False, None, "cut off"),
        (Answer(200, {"data": ["a" * 5_000]}, cut=True), False, None, "broke before the answer was complete"),
        (Answer(200, []), False, None, "no JSON object"),
        (Answer(200, {"data": {}}), False, None, "no list"),
        (Answer(200, {"errors": [{"detail": "User has been suspended"}]}), True, None, "suspended"),
        (Reset(), False, None, "broke"),
        (Hang(), False, None, "did not answer within 0.3 s"),
    ],
)
def test_every_failure_is_said_and_the_same_cursor_asked_again(
    x: FakeX, fault: Any, permanent: bool, wait: float | None, words: str
) -> None:
    posted = x.add_post("20", "@Fernway help")
    source = source_of(x, timeout_seconds=0.3)
    x.fail("/2/users/10/mentions", fault)

    with pytest.raises(SourceError, match=words) as caught:
        source.fetch(None)

    assert (caught.value.permanent, caught.value.retry_after_seconds) == (permanent, wait)
    assert only(source.fetch(None)).external_id == posted


def test_a_platform_that_cannot_be_reached_is_said(clock: Clock) -> None:
    source = XSource(ACCOUNT, KEYS, feed=XFeed.MENTIONS, now=clock, base_url="http://127.0.0.1:1")

    with pytest.raises(SourceError, match="cannot be reached") as caught:
        source.fetch(None)
    assert not caught.value.permanent


def test_the_account_is_looked_up_by_its_handle_once(x: FakeX) -> None:
    x.add_post("20", "@Fernway hello")
    source = source_of(x, account=XAccount("fernway", "fernway"))
    source.fetch(None)
    source.fetch(None)

    assert [path for _, path in x.requests if "by/username" in path] == ["/2/users/by/username/fernway"]


def test_an_account_that_x_does_not_know_is_said(x: FakeX) -> None:
    with pytest.raises(SourceError, match="no account @nobody; check the handle") as caught:
        source_of(x, account=XAccount("fernway", "nobody")).fetch(None)
    assert caught.value.permanent


def test_user_keys_alone_are_enough_to_read(x: FakeX) -> None:
    x.add_post("20", "@Fernway hello")
    keys = XCredentials(
        None, KEYS.consumer_key, KEYS.consumer_secret, KEYS.access_token, KEYS.access_token_secret
    )

    assert source_of(x, credentials=keys).fetch(None).mentions


def test_settings_that_x_would_refuse_are_refused_here(x: FakeX) -> None:
    for settings in (
        {"feed": XFeed.SEARCH},
        {"feed": XFeed.SEARCH, "query": "x" * 513},
        {"page_size": 500},
        {"credentials": XCredentials()},
    ):
        with pytest.raises(InputError):
            source_of(x, **settings)


@pytest.mark.parametrize("cursor", ["", "7", "[]", '{"line": 3}', '{"since_id": "abc"}', '{"since_id": 5}'])
def test_a_foreign_cursor_is_refused_in_words(x: FakeX, cursor: str) -> None:
    with pytest.raises(SourceError, match="not one that an X source wrote"):
        source_of(x).fetch(cursor)


def test_no_token_reaches_a_log_or_a_message(x: FakeX, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "hunter2-bearer"
    source = source_of(x, credentials=XCredentials(bearer_token=SecretStr(secret)))

    with pytest.raises(SourceError) as caught:
        source.fetch(None)

    assert secret not in caplog.text
    assert secret not in repr(caught.value)
    assert secret not in repr(KEYS) + repr(source)


_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["10", "20", "1900"])
)
_NAMES = st.sampled_from(
    [
        "id",
        "text",
        "author_id",
        "created_at",
        "edit_history_tweet_ids",
        "referenced_tweets",
        "type",
        "note_tweet",
        "entities",
        "mentions",
        "urls",
        "url",
        "expanded_url",
        "username",
        "name",
        "lang",
        "conversation_id",
        "data",
        "meta",
        "includes",
        "users",
        "tweets",
        "errors",
        "newest_id",
        "next_token",
        "resource_type",
        "resource_id",
        "value",
        "detail",
        "code",
    ]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=15,
)
_GOOD_POST = {
    "id": "1900",
    "author_id": "20",
    "text": "@Fernway hi",
    "created_at": "2026-03-10T09:00:00.000Z",
}
_ODD_POST = st.dictionaries(_NAMES, _JSON, max_size=5).map(lambda odd: _GOOD_POST | odd)
_PAGE = st.fixed_dictionaries(
    {
        "data": st.lists(_ODD_POST | _JSON, max_size=3) | _JSON,
        "meta": _JSON,
        "includes": _JSON,
        "errors": _JSON,
    }
)


@given(page=_PAGE | _JSON)
def test_whatever_x_sends_is_taken_set_aside_or_said(x: FakeX, page: Any) -> None:
    x.fail("/2/users/10/mentions", Answer(200, page))
    try:
        batch = source_of(x).fetch(None)
    except SourceError as error:
        assert "x:Fernway:mentions" in str(error)
    else:
        assert len(batch.mentions) + len(batch.bad) <= len(page.get("data", []))
        for mention in batch.mentions:
            mention.text.encode()
            assert mention.created_at.utcoffset() is not None


@given(body=_JSON, status=st.sampled_from([400, 401, 403, 404, 418, 429, 500, 503]))
def test_whatever_an_error_says_becomes_a_source_error(x: FakeX, body: Any, status: int) -> None:
    x.fail("/2/users/10/mentions", Answer(status, body))
    with pytest.raises(SourceError, match=str(status)):
        source_of(x).fetch(None)
