"""Mastodon servers that fail, refuse or ask for patience; and settings that cannot work."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from desk.errors import InputError, SourceError
from desk.ports import Headroom
from listener.platforms.mastodon.source import MastodonAccount, MastodonSource
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Hang, Reset
from tests.fakes.mastodon_api import TOKEN, FakeMastodon
from tests.fakes.mastodon_reading import (
    HASHTAG,
    MENTIONS,
    OWN,
    SEARCH,
    drain,
    mentions,
    source_of,
)


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
        (Hang(), f"did not answer within {PATIENCE_SECONDS} s"),
        (Reset(), "broke before the answer was complete"),
    ],
)
def test_a_bad_page_is_a_source_error_that_passes(server: FakeMastodon, fault: Any, says: str) -> None:
    server.add("20", "@fernway help")
    source = source_of(server, timeout_seconds=PATIENCE_SECONDS)
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
    for name in ("httpx", "httpcore", ""):
        caplog.set_level(logging.DEBUG, logger=name)
    source_of(server).fetch(None)
    assert not [record for record in caplog.records if record.name.startswith("http")]
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

    assert MastodonSource(account, feed=HASHTAG, query="हिन्दी", now=clock)
    assert named == [
        "mastodon:social.example:mentions",
        "mastodon:social.example:own",
        "mastodon:social.example:hashtag:Fern",
        "mastodon:social.example:search:fern broken",
    ]
