"""Replies on Mastodon: who sees them, whom they name, and that none is ever out twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from desk.errors import InputError, SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, ReplyId, SentPost
from listener.platforms.mastodon.source import MastodonAccount, MastodonFeed, MastodonSender, MastodonSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Fault, Hang, Reset
from tests.fakes.mastodon_api import TOKEN, FakeMastodon

TEXT = "Sorry! See https://fernway.example/help or fernway.com/status."


@pytest.fixture
def server(clock: Clock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock) as fake:
        fake.add_account("10", "fernway", me=True)
        fake.add_account("20", "ana@far.example")
        fake.add_account("30", "ben")
        yield fake


def sender_of(fake: FakeMastodon, **settings: Any) -> MastodonSender:
    defaults: dict[str, Any] = {"now": fake.clock, "timeout_seconds": 0.5}
    return MastodonSender(settings.pop("accounts", [fake.account()]), **(defaults | settings))


def outgoing(fake: FakeMastodon, post: str, text: str = TEXT, handle: str = "ana@far.example") -> Outgoing:
    external = f"{post}@127.0.0.1:{fake.port}"
    return Outgoing(ReplyId(1), "fernway", external, external, handle, text, START)


def settled(fake: FakeMastodon, sender: MastodonSender, reply: Outgoing) -> SentPost | None:
    """Look until the sender is sure, as the outbox does."""
    for _ in range(5):
        try:
            return sender.find(reply)
        except SendLaterError as later:
            fake.clock.advance(later.retry_after_seconds + 1)
    raise AssertionError("the sender is never sure")


@pytest.mark.parametrize(
    ("theirs", "public", "ours"),
    [
        ("public", False, "unlisted"),
        ("public", True, "public"),
        ("unlisted", True, "unlisted"),
        ("private", True, "private"),
        ("direct", True, "direct"),
        ("mutuals_only", True, "direct"),
    ],
)
def test_a_reply_is_never_shown_more_widely_than_what_it_answers(
    server: FakeMastodon, theirs: str, public: bool, ours: str
) -> None:
    post = server.add("20", "@fernway it broke", visibility=theirs)

    account = replace(server.account(), public_replies=public)
    sender_of(server, accounts=[account]).send(outgoing(server, post))

    assert server.posted[0]["visibility"] == ours


@pytest.mark.parametrize(
    ("author", "text", "published"),
    [
        ("20", "We are sorry.", "@ana@far.example We are sorry."),
        ("20", "Dear @Ana@far.example, sorry.", "Dear @Ana@far.example, sorry."),
        ("20", "@ana, sorry.", "@ana@far.example @ana, sorry."),
        ("20", "write to ana@far.example", "@ana@far.example write to ana@far.example"),
        ("30", "We are sorry.", "@ben We are sorry."),
        ("30", "@ben we are sorry.", "@ben we are sorry."),
        ("30", "@ben@social.example: sorry.", "@ben@social.example: sorry."),
        ("30", "@ben@far.example is another", "@ben @ben@far.example is another"),
        ("30", "@benjamin is another", "@ben @benjamin is another"),
    ],
)
def test_the_person_answered_is_named_unless_the_text_does(
    server: FakeMastodon, author: str, text: str, published: str
) -> None:
    post = server.add(author, "@fernway it broke")

    sender_of(server).send(outgoing(server, post, text))

    assert server.posted[0]["status"] == published


def test_warning_and_language_are_carried_over(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway es ist kaputt", extra={"spoiler_text": "Ärger", "language": "de"})

    sent = sender_of(server).send(outgoing(server, post))

    assert server.posted == [
        {
            "status": f"@ana@far.example {TEXT}",
            "in_reply_to_id": post,
            "visibility": "unlisted",
            "spoiler_text": "Ärger",
            "sensitive": True,
            "language": "de",
        }
    ]
    assert settled(server, sender_of(server), outgoing(server, post)) == sent


def test_what_was_published_is_told_as_the_source_will_tell_it(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway it broke")

    sent = sender_of(server).send(outgoing(server, post))
    own = MastodonSource(server.account(), feed=MastodonFeed.OWN, now=server.clock)
    [mention] = own.fetch(None).mentions

    assert (sent.external_id, sent.author_id, sent.author_handle, sent.url) == (
        mention.external_id,
        mention.author.external_id,
        mention.author.handle,
        mention.url,
    )
    assert sent.created_at == mention.created_at
    assert mention.in_reply_to == outgoing(server, post).in_reply_to


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


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 422])
def test_a_refusal_publishes_nothing_and_says_the_servers_words(server: FakeMastodon, status: int) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    server.fail_post(Answer(status, {"error": "Validation failed: Text is odd"}, {"Location": "/elsewhere"}))

    with pytest.raises(SendRefusedError, match="Text is odd"):
        sender_of(server).send(reply)
    assert not server.posted


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(429, {}, {"X-RateLimit-Reset": "2026-03-10T09:01:30Z"}), 90),
        (Answer(429, {}, {"X-RateLimit-Reset": str(int(START.timestamp()) - 900)}), 5),
        (Answer(429, {}), 60),
        (Answer(503, b"down for repair", {"Retry-After": "120"}), 120),
        (Answer(503, {}), 60),
    ],
)
def test_a_server_that_asks_to_come_back_is_given_its_time(
    server: FakeMastodon, answer: Answer, wait: float
) -> None:
    reply = outgoing(server, server.add("20", "@fernway it broke"))
    server.fail_post(answer)

    with pytest.raises(SendLaterError) as caught:
        sender_of(server).send(reply)

    assert caught.value.retry_after_seconds == wait
    assert not server.posted


def test_a_deleted_post_is_not_answered(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway it broke")
    server.delete(post)

    with pytest.raises(SendRefusedError, match="Record not found"):
        sender_of(server).send(outgoing(server, post))


@pytest.mark.parametrize(
    "fault",
    [Hang(), Answer(500, {}), Answer(429, {}), Answer(200, b"<html>"), Answer(200, {"id": None})],
    ids=repr,
)
def test_trouble_before_the_publication_is_no_unknown_outcome(server: FakeMastodon, fault: Fault) -> None:
    post = server.add("20", "@fernway it broke")
    server.fail(f"/api/v1/statuses/{post}", fault)

    with pytest.raises(SendLaterError):
        sender_of(server).send(outgoing(server, post))
    assert not server.posted


def test_a_server_that_is_away_took_nothing(clock: Clock) -> None:
    with FakeMastodon(clock) as fake:
        reply, sender = outgoing(fake, "1"), sender_of(fake)

    with pytest.raises(SendLaterError, match="cannot be reached"):
        sender.send(reply)


def test_each_publication_has_a_connection_of_its_own(server: FakeMastodon) -> None:
    sender = sender_of(server)
    for number in range(2):
        post = server.add("20", f"@fernway it broke {number}")
        sender.send(replace(outgoing(server, post), reply_id=ReplyId(number)))

    reading = {port for method, port in server.connections if method == "GET"}
    writing = [port for method, port in server.connections if method == "POST"]
    assert len(reading) == 1
    assert len({*writing, *reading}) == 3


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


def test_too_long_with_the_name_is_said_before_anything_is_sent(server: FakeMastodon) -> None:
    post = server.add("30", "@fernway it broke")
    server.instance["configuration"] = {"statuses": {"max_characters": 40}}

    with pytest.raises(SendRefusedError, match=r"has 41 characters; 127\.0\.0\.1:\d+ takes 40"):
        sender_of(server).send(outgoing(server, post, "x" * 36))
    sender_of(server).send(outgoing(server, post, "x" * 35))

    assert len(server.posted) == 1


def test_a_server_says_its_limit_in_several_ways(server: FakeMastodon) -> None:
    post = server.add("30", "@fernway it broke")
    server.has_v2 = False
    server.instance = {"uri": "https://social.example", "max_toot_chars": 5_000}

    sender_of(server).send(outgoing(server, post, "x" * 4_990))

    assert len(server.posted) == 1


def test_brands_and_servers_are_kept_apart(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway it broke")
    reply = outgoing(server, post)

    for wrong in (replace(reply, brand="other"), replace(reply, in_reply_to=f"{post}@elsewhere.example")):
        with pytest.raises(SendRefusedError, match="No Mastodon account on"):
            sender_of(server).send(wrong)
    with pytest.raises(SendRefusedError, match="is no post on"):
        sender_of(server).send(replace(reply, in_reply_to=f"../1@127.0.0.1:{server.port}"))
    with pytest.raises(InputError, match="two Mastodon accounts"):
        sender_of(server, accounts=[server.account(), server.account("other")])
    assert not server.posted


def test_a_token_of_another_account_publishes_nothing(server: FakeMastodon) -> None:
    post = server.add("20", "@fernway it broke")

    with pytest.raises(SendRefusedError, match="another account than @other"):
        sender_of(server, accounts=[server.account(handle="other")]).send(outgoing(server, post))
    # That no one can look does not mean that the reply is not there.
    with pytest.raises(SendLaterError, match="another account than @other"):
        sender_of(server, accounts=[server.account(handle="other")]).find(outgoing(server, post))
    with pytest.raises(SendRefusedError, match="access token is invalid"):
        sender_of(server, accounts=[server.account("wrong")]).send(outgoing(server, post))
    assert not server.posted


def test_nothing_shows_the_token(server: FakeMastodon, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    post = server.add("20", "@fernway it broke")
    server.fail_post(Answer(422, {"error": f"what is {TOKEN}?"}))

    with pytest.raises(SendRefusedError) as caught:
        sender_of(server).send(outgoing(server, post))

    assert TOKEN not in str(caught.value) + caplog.text
    assert "secret" not in repr(MastodonAccount("b", "s", SecretStr("secret")))
