"""Signing in to Bluesky: seldom, again where it must be, and never with the password in a message."""

from __future__ import annotations

from threading import Thread

import pytest

from desk.errors import InputError
from listener.api_errors import ApiError
from listener.platforms.bluesky.api import BlueskyClient
from listener.platforms.bluesky.session import WINDOW_LIMIT, Session
from tests.fakes.bluesky_api import PASSWORD, FakeBluesky
from tests.fakes.clock import Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer

_READ = "com.atproto.identity.resolveHandle"
_SIGN_IN = "/xrpc/com.atproto.server.createSession"
_REFRESH = "/xrpc/com.atproto.server.refreshSession"


def session(bluesky: FakeBluesky, password: str = PASSWORD) -> Session:
    return Session(bluesky.account(password), now=bluesky.clock, timeout_seconds=PATIENCE_SECONDS)


def read(client: BlueskyClient) -> object:
    return client.get(_READ, {"handle": "ana.example"}).data


def test_all_that_use_a_session_sign_in_once(bluesky: FakeBluesky) -> None:
    shared = session(bluesky)
    readers = [
        Thread(
            target=read, args=(BlueskyClient(shared, now=bluesky.clock, timeout_seconds=PATIENCE_SECONDS),)
        )
        for _ in range(5)
    ]

    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert bluesky.signed_in == ["createSession"]


@pytest.mark.parametrize(
    "stale",
    [
        Answer(400, {"error": "ExpiredToken", "message": "Token has expired"}),
        Answer(400, {"error": "InvalidToken", "message": "Token could not be verified"}),
        Answer(401, {"error": "AuthenticationRequired", "message": "no"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.body['error']}",
)
def test_a_token_that_is_over_is_refreshed_and_the_request_repeated(
    bluesky: FakeBluesky, stale: Answer
) -> None:
    client = bluesky.client()
    read(client)
    bluesky.stale = stale
    bluesky.expire()

    assert read(client)
    assert bluesky.signed_in == ["createSession", "refreshSession"]


def test_where_the_refresh_token_is_over_as_well_the_account_signs_in(bluesky: FakeBluesky) -> None:
    client = bluesky.client()
    read(client)
    bluesky.tokens.clear()

    assert read(client)
    assert bluesky.signed_in == ["createSession", "createSession"]


def test_a_refresh_that_the_server_cannot_do_now_keeps_the_session(bluesky: FakeBluesky) -> None:
    client = bluesky.client()
    read(client)
    bluesky.expire()
    bluesky.fail(_REFRESH, Answer(503, b"busy"))

    with pytest.raises(ApiError) as caught:
        read(client)

    assert caught.value.status == 503
    assert read(client)
    assert bluesky.signed_in == ["createSession", "refreshSession"]


def test_a_fresh_token_that_is_refused_is_for_a_person_to_look_at(bluesky: FakeBluesky) -> None:
    client = bluesky.client()
    refused = Answer(400, {"error": "InvalidToken", "message": "Token could not be verified"})
    bluesky.fail(f"/xrpc/{_READ}", refused, refused, refused)

    with pytest.raises(ApiError) as caught:
        read(client)

    assert caught.value.status == 401


def test_a_wrong_password_is_tried_once_a_minute_and_never_told(bluesky: FakeBluesky, clock: Clock) -> None:
    shared = session(bluesky, "wrong-password")
    for _ in range(3):
        with pytest.raises(ApiError, match="Invalid identifier or password") as caught:
            shared.access()
        assert "wrong-password" not in str(caught.value)
    clock.advance(61)
    with pytest.raises(ApiError):
        shared.access()

    assert [path for _, path in bluesky.requests].count(_SIGN_IN) == 2


def test_a_full_limit_on_sign_ins_is_waited_out(bluesky: FakeBluesky, clock: Clock) -> None:
    reset = str(int(clock().timestamp()) + 90)
    bluesky.fail(_SIGN_IN, Answer(429, {"error": "RateLimitExceeded"}, {"RateLimit-Reset": reset}))
    shared = session(bluesky)

    with pytest.raises(ApiError) as first:
        shared.access()
    clock.advance(60)
    with pytest.raises(ApiError) as second:
        shared.access()
    clock.advance(30)

    assert (first.value.retry_after, second.value.retry_after) == (90, 30)
    assert shared.access()
    assert [path for _, path in bluesky.requests].count(_SIGN_IN) == 2


def test_sign_ins_that_fail_never_come_in_a_row(bluesky: FakeBluesky, clock: Clock) -> None:
    shared = session(bluesky)
    bluesky.fail(_SIGN_IN, *[Answer(503, b"busy")] * 100)
    for _ in range(50):
        with pytest.raises(ApiError):
            shared.access()

    with pytest.raises(ApiError) as caught:
        shared.access()

    assert caught.value.status == 429
    assert caught.value.retry_after == 300
    assert [path for _, path in bluesky.requests].count(_SIGN_IN) == WINDOW_LIMIT


@pytest.mark.parametrize("body", [{}, [], {"accessJwt": "a\nb", "refreshJwt": "c", "did": "did:plc:a"}, 7])
def test_an_answer_that_is_no_session_is_an_error(bluesky: FakeBluesky, body: object) -> None:
    bluesky.fail(_SIGN_IN, Answer(200, body))

    with pytest.raises(ApiError, match="session"):
        session(bluesky).access()


def test_nothing_of_the_secrets_is_repeated(bluesky: FakeBluesky) -> None:
    client = bluesky.client()
    read(client)
    reason = {"error": "InvalidRequest", "message": f"access-1 refresh-1 {PASSWORD} was bad"}
    bluesky.fail(f"/xrpc/{_READ}", Answer(400, reason))

    with pytest.raises(ApiError) as caught:
        read(client)

    assert str(caught.value).endswith("InvalidRequest; (secret) (secret) (secret) was bad")
    assert PASSWORD not in repr(bluesky.account())


@pytest.mark.parametrize("server", ["http://bsky.example", "ftp://bsky.example", "", "https://a:b@c"])
def test_a_server_to_which_no_password_may_be_sent_is_refused(clock: Clock, server: str) -> None:
    from pydantic import SecretStr

    from listener.platforms.bluesky.account import BlueskyAccount

    with pytest.raises(InputError):
        Session(BlueskyAccount("fernway", "fernway.example", SecretStr("x"), server), now=clock)
