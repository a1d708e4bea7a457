"""Replies on Mastodon: who sees them, whom they name, and what keeps them from going out."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from pydantic import SecretStr

from desk.errors import InputError, SendLaterError, SendRefusedError
from desk.model.reply import ReplyId
from listener.platforms.mastodon.source import MastodonAccount, MastodonFeed, MastodonSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import Answer, Fault, Hang
from tests.fakes.mastodon_api import TOKEN, FakeMastodon
from tests.listener.mastodon.sending import TEXT, outgoing, sender_of, settled


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
