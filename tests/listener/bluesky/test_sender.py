"""Replies on Bluesky: one post whatever happens, and none where the author wants none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, ReplyId
from listener.platforms.bluesky.ids import is_record_key, reply_key
from listener.platforms.bluesky.sender import BlueskySender
from tests.fakes.bluesky_api import FakeBluesky
from tests.fakes.clock import START
from tests.fakes.loopback import Answer, Fault, Hang, Reset

_LEXICON_TID = set("234567abcdefghijklmnopqrstuvwxyz")


@pytest.fixture
def asked(bluesky: FakeBluesky, ana: str) -> str:
    return bluesky.add(ana, "@fernway.example it broke", langs=["tr", "en"])


def sender(bluesky: FakeBluesky, **labels: list[str]) -> BlueskySender:
    return BlueskySender({"fernway": bluesky.client()}, now=bluesky.clock, labels=labels)


def outgoing(asked: str, text: str = "On it.", number: int = 1) -> Outgoing:
    return Outgoing(ReplyId(number), "fernway", asked, asked, "ana.example", text, START)


def replies(bluesky: FakeBluesky) -> list[dict[str, object]]:
    return [post.record for post in bluesky.posts.values() if post.did == bluesky.me]


def test_a_reply_names_parent_root_and_language(bluesky: FakeBluesky, ana: str, asked: str) -> None:
    ours = bluesky.reply(bluesky.me, asked, "Since when?")
    deeper = bluesky.reply(ana, ours, "Since May")

    sent = sender(bluesky).send(outgoing(deeper))

    record = bluesky.posts[sent.external_id].record
    assert record["reply"]["parent"] == {"uri": deeper, "cid": bluesky.posts[deeper].cid}
    assert record["reply"]["root"] == {"uri": asked, "cid": bluesky.posts[asked].cid}
    assert record["langs"] == ["en"]
    assert "labels" not in record


def test_a_reply_may_say_that_a_bot_wrote_it(bluesky: FakeBluesky, asked: str) -> None:
    sent = sender(bluesky, fernway=["bot"]).send(outgoing(asked))

    labels = bluesky.posts[sent.external_id].record["labels"]
    assert labels == {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}


def test_people_are_marked_where_they_exist(bluesky: FakeBluesky, ana: str, asked: str) -> None:
    sent = sender(bluesky).send(outgoing(asked, "Hi @ana.example and @nobody.example"))

    (facet,) = bluesky.posts[sent.external_id].record["facets"]
    assert facet["features"] == [{"$type": "app.bsky.richtext.facet#mention", "did": ana}]


@pytest.mark.parametrize("fault", [Reset(after=True), Hang(after=True)], ids=repr)
def test_a_lost_answer_is_read_back_and_sending_again_makes_no_second_post(
    bluesky: FakeBluesky, asked: str, fault: Fault
) -> None:
    bluesky.fail_write(fault)
    with pytest.raises(SendUnknownError):
        sender(bluesky).send(outgoing(asked))

    found = sender(bluesky).find(outgoing(asked))
    again = sender(bluesky).send(outgoing(asked))

    assert found == again
    assert len(replies(bluesky)) == 1


@pytest.mark.parametrize(
    "fault", [Reset(), Hang(), Answer(500, {}), Answer(200, b'{"ur'), Answer(200, {})], ids=repr
)
def test_an_unclear_failure_is_read_back_as_absent_at_once(
    bluesky: FakeBluesky, asked: str, fault: Fault
) -> None:
    bluesky.fail_write(fault)
    with pytest.raises(SendUnknownError):
        sender(bluesky).send(outgoing(asked))

    assert sender(bluesky).find(outgoing(asked)) is None


def test_a_repeated_reply_keeps_the_words_and_the_time_of_the_first(bluesky: FakeBluesky, asked: str) -> None:
    first = sender(bluesky).send(outgoing(asked))
    bluesky.clock.advance(3_600)

    again = sender(bluesky).send(outgoing(asked))

    assert again == first
    assert [body["swapRecord"] for body in bluesky.written] == [None, None]


def test_a_reply_that_is_there_but_cannot_be_read_is_unknown(bluesky: FakeBluesky, asked: str) -> None:
    sender(bluesky).send(outgoing(asked))
    bluesky.fail("/xrpc/com.atproto.repo.getRecord", Answer(503, b"busy"))

    with pytest.raises(SendUnknownError):
        sender(bluesky).send(outgoing(asked))


def test_a_token_that_runs_out_before_the_write_costs_nothing(bluesky: FakeBluesky, asked: str) -> None:
    voice = sender(bluesky)
    voice.find(outgoing(asked))
    bluesky.fail_write(Answer(400, {"error": "ExpiredToken", "message": "Token has expired"}))

    assert voice.send(outgoing(asked))
    assert len(replies(bluesky)) == 1


def test_a_key_follows_from_the_reply_alone() -> None:
    one = outgoing("at://did:plc:ana/app.bsky.feed.post/3k")
    others = [
        replace(one, reply_id=ReplyId(2)),
        replace(one, in_reply_to="at://did:plc:ana/app.bsky.feed.post/3l"),
        replace(one, text="Other words"),
        replace(one, brand="another"),
        replace(one, approved_at=START + timedelta(milliseconds=1)),
    ]
    later = replace(one, approved_at=START + timedelta(seconds=1))

    assert reply_key(one) == reply_key(replace(one, handle="new.example"))
    assert len({reply_key(reply) for reply in (one, *others)}) == 6
    assert reply_key(later) > reply_key(one)
    assert len(reply_key(one)) == 13
    assert is_record_key(reply_key(one))
    assert set(reply_key(one)) <= _LEXICON_TID
    assert reply_key(one)[0] in "234567abcdefghij"


@pytest.mark.parametrize("text", ["x" * 301, "👨‍👩‍👧‍👦" * 200, "   "])
def test_what_is_too_long_is_refused_before_anything_is_sent(
    bluesky: FakeBluesky, asked: str, text: str
) -> None:
    with pytest.raises(SendRefusedError):
        sender(bluesky).send(outgoing(asked, text))

    assert bluesky.requests == []


def test_300_graphemes_of_many_bytes_are_sent(bluesky: FakeBluesky, asked: str) -> None:
    assert sender(bluesky).send(outgoing(asked, "👍🏽" * 300))


def test_where_the_author_wants_no_reply_none_is_sent(bluesky: FakeBluesky, asked: str) -> None:
    bluesky.posts[asked].viewer = {"replyDisabled": True}

    with pytest.raises(SendRefusedError, match="lets only some people answer"):
        sender(bluesky).send(outgoing(asked))
    assert bluesky.written == []


def test_a_post_that_is_gone_is_not_answered(bluesky: FakeBluesky, asked: str) -> None:
    bluesky.delete(asked)

    with pytest.raises(SendRefusedError, match="not there any more"):
        sender(bluesky).send(outgoing(asked))


def test_a_post_that_is_hidden_from_us_is_not_answered(bluesky: FakeBluesky, asked: str) -> None:
    bluesky.hidden.add(asked)

    with pytest.raises(SendRefusedError, match="may have blocked"):
        sender(bluesky).send(outgoing(asked))


@pytest.mark.parametrize("method", ["putRecord", "getRecord"])
def test_a_full_rate_limit_asks_to_come_back(bluesky: FakeBluesky, asked: str, method: str) -> None:
    reset = str(int(START.timestamp()) + 90)
    voice = sender(bluesky)
    bluesky.fail(f"/xrpc/com.atproto.repo.{method}", Answer(429, {}, {"RateLimit-Reset": reset}))

    with pytest.raises(SendLaterError) as caught:
        voice.send(outgoing(asked)) if method == "putRecord" else voice.find(outgoing(asked))

    assert caught.value.retry_after_seconds == 90


def test_a_brand_without_an_account_is_told(bluesky: FakeBluesky, asked: str) -> None:
    with pytest.raises(SendRefusedError, match="No Bluesky account is set up for brand other"):
        sender(bluesky).send(replace(outgoing(asked), brand="other"))
    with pytest.raises(SendLaterError):
        sender(bluesky).find(replace(outgoing(asked), brand="other"))


@pytest.mark.parametrize("uri", ["", "7", "https://bsky.app/x", "at://did:plc:ana/app.bsky.feed.like/3k"])
def test_what_is_no_post_is_not_answered(bluesky: FakeBluesky, uri: str) -> None:
    with pytest.raises(SendRefusedError, match="is no post on Bluesky"):
        sender(bluesky).send(outgoing(uri))
