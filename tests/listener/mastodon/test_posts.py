"""What a Mastodon status says to the desk: words, people, threads, and whether it can be answered."""

from __future__ import annotations

from typing import Any

import pytest

from desk.errors import SourceError
from tests.fakes.clock import START
from tests.fakes.loopback import Answer
from tests.fakes.mastodon_api import FakeMastodon
from tests.fakes.mastodon_reading import (
    HASHTAG,
    OWN,
    drain,
    ids,
    mentions,
    only,
    source_of,
)


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


@pytest.mark.parametrize(
    ("visibility", "says"),
    [("public", ""), ("unlisted", ""), ("private", "Only followers"), ("direct", "private message")],
)
def test_whoever_can_be_answered_is_told_who_will_see_it(
    server: FakeMastodon, visibility: str, says: str
) -> None:
    server.add("20", "@fernway help", visibility=visibility)

    mention = only(drain(source_of(server)))

    assert mention.replyable.allowed
    assert says in mention.replyable.reason
    assert mention.private is bool(says)


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
