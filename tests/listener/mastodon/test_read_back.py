"""Whether a reply on Mastodon is out: told by its key or its timeline, so that none is ever out twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from desk.errors import SendLaterError, SendUnknownError
from desk.model.reply import ReplyId
from tests.fakes.clock import START
from tests.fakes.loopback import Answer, Fault, Hang, Reset
from tests.fakes.mastodon_api import FakeMastodon
from tests.listener.mastodon.sending import TEXT, outgoing, sender_of, settled


@pytest.mark.parametrize("fault", [Reset(after=True), Hang(after=True)], ids=repr)
def test_a_lost_answer_is_unknown_and_read_back(server: FakeMastodon, fault: Fault) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    server.fail_post(fault)

    with pytest.raises(SendUnknownError):
        sender_of(server).send(reply)

    assert settled(server, sender_of(server), reply) is not None
    assert len(server.posted) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Reset(),
        Hang(),
        Answer(500, {}),
        Answer(502, b"<h1>"),
        Answer(200, b'{"id'),
        Answer(200, []),
        Answer(408, {}),
    ],
    ids=repr,
)
def test_an_unclear_failure_is_unknown_and_read_back_as_absent(server: FakeMastodon, fault: Fault) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    sender = sender_of(server)
    server.fail_post(fault)

    with pytest.raises(SendUnknownError):
        sender.send(reply)

    assert [method for method, _ in server.requests].count("POST") == 1
    assert settled(server, sender, reply) is None
    assert sender.send(reply)
    assert len(server.posted) == 1


def test_the_key_is_the_same_for_every_attempt_and_no_other_reply_has_it(server: FakeMastodon) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    # Another store counts its replies from one as well.
    for other in (
        reply,
        replace(reply, text="Other"),
        replace(reply, approved_at=START - timedelta(minutes=1)),
    ):
        for _ in range(2):
            sender_of(server).send(other)

    assert len(server.keys) == len(server.posted) == 3
    assert all(len(key) < 100 and key.startswith("answerback-") for key in server.keys)


def test_once_the_server_has_forgotten_the_key_the_timeline_is_asked_first(server: FakeMastodon) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    first = sender_of(server).send(reply)
    server.keeps_keys = False
    server.clock.advance(56 * 60)

    assert sender_of(server).send(reply).external_id == first.external_id
    assert len(server.posted) == 1
    late = replace(reply, reply_id=ReplyId(2), text="Not sent before")
    sender_of(server).send(late)
    assert len(server.posted) == 2


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("one  two\n\nthree", "one two\nthree"),
        ("see fernway.com/a", 'see <a href="http://fernway.com/a">fernway.com/a</a>'),
        ("ask @ben, please", 'ask <a class="mention" href="https://social.example/@ben">@ben</a>, please'),
        ("cafe\u0301", "caf\u00e9"),
        ("a < b & c", "a &lt; b &amp; c"),
    ],
)
def test_a_reply_is_recognised_however_the_server_shows_it(
    server: FakeMastodon, sent: str, shown: str
) -> None:
    post = server.add("20", "@fernway it broke")
    server.add("10", "x", in_reply_to=post, extra={"content": f"<p>@ana@far.example {shown}</p>"})

    assert sender_of(server).find(outgoing(server, post, sent)) is not None


def test_absence_is_believed_only_when_the_server_must_have_finished(server: FakeMastodon) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    sender = sender_of(server, settle_seconds=20)
    server.fail_post(Reset())
    with pytest.raises(SendUnknownError):
        sender.send(reply)
    server.clock.advance(5)

    with pytest.raises(SendLaterError) as caught:
        sender.find(reply)

    assert caught.value.retry_after_seconds == 15
    server.clock.advance(15)
    assert sender.find(reply) is None


def test_neither_other_words_nor_another_post_are_the_reply(server: FakeMastodon) -> None:
    post, other = server.add("20", "@fernway it broke"), server.add("30", "@fernway it broke too")
    server.add("10", f"@ben {TEXT}", in_reply_to=other)
    server.add("10", "@ana@far.example by hand", in_reply_to=post)
    server.add("10", f"@ana@far.example {TEXT}", in_reply_to=post, at=START - timedelta(hours=2), id="5")

    sender = sender_of(server, settle_seconds=0)
    assert sender.find(outgoing(server, other, "by hand")) is None
    assert sender.find(outgoing(server, post, "by hand")) is not None
    # The same words, but from before this reply was approved.
    assert sender.find(outgoing(server, post)) is None


def test_the_timeline_is_read_back_to_the_approval_and_no_further(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway it broke", at=START - timedelta(days=1))
    for number in range(100):
        server.add("10", f"old {number}", at=START - timedelta(hours=2))
    server.add("10", f"@ana@far.example {TEXT}", in_reply_to=post)
    for number in range(60):
        server.add("10", f"new {number}")
    reply = outgoing(server, post)

    assert settled(server, sender_of(server), reply) is not None
    assert settled(server, sender_of(server), replace(reply, text="never sent")) is None
    pages = sum(path.startswith("/api/v1/accounts/10/statuses") for _, path in server.requests)
    assert pages <= 2 + 2 * 4


def test_a_timeline_that_never_ends_is_left_to_a_person(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway it broke")
    for number in range(401):
        server.add("10", f"new {number}")

    with pytest.raises(SendLaterError, match="by hand"):
        sender_of(server).find(outgoing(server, post))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}),
        Answer(200, [None]),
        Answer(200, [{"id": "1"}]),
        Answer(500, {}),
        Answer(401, {"error": "no"}),
    ],
    ids=repr,
)
def test_a_timeline_that_cannot_be_read_says_nothing_about_the_reply(
    server: FakeMastodon, answer: Answer
) -> None:
    post = server.add("20", "@fernway it broke")
    server.fail("/api/v1/accounts/10/statuses", answer)

    with pytest.raises(SendLaterError):
        sender_of(server).find(outgoing(server, post))
