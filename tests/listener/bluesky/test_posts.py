"""From the network's posts to mentions, whatever stands in them."""

from __future__ import annotations

from typing import Any

import pytest

from listener.platforms.bluesky.posts import PostError, View, text_of, to_mention
from tests.fakes.clock import START

VIEW = View("fernway", "did:plc:fernway")
LINK = "app.bsky.richtext.facet#link"


def post(**facts: Any) -> dict[str, Any]:
    record = {"text": "it broke", "createdAt": "2026-03-10T08:59:00Z", "langs": ["tr-TR"]}
    return {
        "uri": "at://did:plc:ana/app.bsky.feed.post/3kabc",
        "cid": "bafyreiabc",
        "author": {"did": "did:plc:ana", "handle": "ana.example", "displayName": "Ana"},
        "record": record | facts.pop("record", {}),
        "indexedAt": "2026-03-10T09:00:00Z",
    } | facts


def facet(text: str, part: str, uri: str) -> dict[str, Any]:
    begin = text.encode().index(part.encode())
    index = {"byteStart": begin, "byteEnd": begin + len(part.encode())}
    return {"index": index, "features": [{"$type": LINK, "uri": uri}]}


def test_a_post_becomes_a_mention() -> None:
    mention = to_mention(post(), VIEW, START)

    assert mention.id == "bluesky:at://did:plc:ana/app.bsky.feed.post/3kabc"
    assert (mention.author.external_id, mention.author.handle, mention.author.name) == (
        "did:plc:ana",
        "ana.example",
        "Ana",
    )
    assert mention.conversation_id == mention.external_id
    assert (mention.language, mention.in_reply_to, mention.automatic) == ("tr", None, False)
    assert mention.url == "https://bsky.app/profile/did:plc:ana/post/3kabc"


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("2026-03-10T08:30:00Z", "08:30"),
        ("2026-03-10T10:30:00Z", "09:00"),  # ahead of its arrival
        ("yesterday", "09:00"),
        ("0001-01-01T00:00:00Z", "09:00"),
        (None, "09:00"),
    ],
)
def test_the_earlier_time_counts_and_a_senseless_one_does_not(said: str | None, counts: str) -> None:
    mention = to_mention(post(record={"createdAt": said}), VIEW, START)

    assert f"{mention.created_at:%H:%M}" == counts


def test_a_reply_names_its_thread() -> None:
    root, parent = ("at://did:plc:ben/app.bsky.feed.post/3kroot", "at://did:plc:ben/app.bsky.feed.post/3kp")
    reply = {"root": {"uri": root, "cid": "bafyreir"}, "parent": {"uri": parent, "cid": "bafyreip"}}

    mention = to_mention(post(record={"reply": reply}), VIEW, START)

    assert (mention.conversation_id, mention.in_reply_to) == (root, parent)


def test_links_are_written_out_where_a_program_has_shortened_them() -> None:
    text = "Löok: fernway.example/ordrs… and here, or fernway.example/x"
    facets = [
        facet(text, "fernway.example/ordrs…", "https://fernway.example/ordrs/7?x=1"),
        facet(text, "here", "https://fernway.example/here"),
        facet(text, "fernway.example/x", "https://fernway.example/x"),
    ]

    shown = text_of({"text": text, "facets": facets})

    first, second = "https://fernway.example/ordrs/7?x=1", "https://fernway.example/here"
    assert shown == f"Löok: {first} and here ({second}), or fernway.example/x"


@pytest.mark.parametrize(
    "facets",
    [
        7,
        [7],
        [
            {
                "index": {"byteStart": 1, "byteEnd": 2},
                "features": [{"$type": LINK, "uri": "https://a.example"}],
            }
        ],
        [
            {
                "index": {"byteStart": 0, "byteEnd": 9e9},
                "features": [{"$type": LINK, "uri": "https://a.example"}],
            }
        ],
        [
            {
                "index": {"byteStart": -2, "byteEnd": 3},
                "features": [{"$type": LINK, "uri": "https://a.example"}],
            }
        ],
        [
            {
                "index": {"byteStart": True, "byteEnd": 3},
                "features": [{"$type": LINK, "uri": "https://a.example"}],
            }
        ],
        [
            {
                "index": {"byteStart": 0, "byteEnd": 2},
                "features": [{"$type": LINK, "uri": "javascript:alert(1)"}],
            }
        ],
    ],
)
def test_facets_that_make_no_sense_leave_the_words_alone(facets: object) -> None:
    assert text_of({"text": "éé it broke", "facets": facets}) == "éé it broke"


def test_pictures_films_and_cards_are_told_but_not_of_the_brands_own_posts() -> None:
    images = {"$type": "app.bsky.embed.images", "images": [{"alt": "A torn parcel"}, {"alt": ""}]}
    card = {"external": {"uri": "https://fernway.example/7", "title": "Order 7"}}
    record = {"text": "look", "embed": {"$type": "app.bsky.embed.recordWithMedia", "media": images}}

    assert text_of(record) == "look\n\n[image: A torn parcel]\n[image]"
    assert text_of({"text": "look", "embed": card}) == "look\n\n[link: Order 7 https://fernway.example/7]"
    assert text_of({"text": "", "embed": {"$type": "app.bsky.embed.video"}}) == "[video]"
    assert text_of(record, whole=False) == "look"
    assert text_of({"text": ""}) == "(no words)"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"viewer": {"replyDisabled": True}}, "lets only some"),
        ({"author": {"did": "did:plc:ana", "handle": "a.b", "viewer": {"blockedBy": True}}}, "has blocked"),
        (
            {"author": {"did": "did:plc:ana", "handle": "a.b", "viewer": {"blocking": "at://x"}}},
            "Your account has blocked",
        ),
    ],
)
def test_where_no_reply_is_possible_the_reason_is_told(changes: dict[str, Any], why: str) -> None:
    reply = to_mention(post(**changes), VIEW, START).replyable

    assert not reply.allowed
    assert why in reply.reason


def test_a_bot_is_who_calls_itself_one() -> None:
    def labelled(source: str) -> bool:
        author = post()["author"] | {"labels": [{"val": "bot", "src": source}]}
        return to_mention(post(author=author), VIEW, START).automatic

    assert labelled("did:plc:ana")
    assert not labelled("did:plc:labeller")


def test_a_handle_that_does_not_lead_back_gives_way_to_the_did() -> None:
    author = {"did": "did:plc:ana", "handle": "handle.invalid"}

    assert to_mention(post(author=author), VIEW, START).author.handle == "did:plc:ana"


@pytest.mark.parametrize(
    "broken",
    [
        "no post",
        post(uri="https://ana.example"),
        post(uri="at://did:plc:ana/app.bsky.feed.like/3k"),
        post(uri="at://did:plc:ana/app.bsky.feed.post/../../x"),
        post(cid=7),
        post(record={"text": ["it", "broke"]}),
        post(record={"text": "x" * 20_001}),
        post(author=None),
        post(author={"did": "did:plc:ben", "handle": "ben.example"}),
        post(indexedAt="soon"),
    ],
)
def test_what_is_no_post_is_told_as_that(broken: object) -> None:
    with pytest.raises(PostError):
        to_mention(broken, VIEW, START)
