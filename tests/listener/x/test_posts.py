"""Posts of X: their words, edits and deletions, whom we may answer, and what is set aside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listener.platforms.x.source import XFeed
from tests.fakes.clock import START, Clock
from tests.fakes.x_api import FakeX
from tests.listener.x.reading import only, source_of


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
