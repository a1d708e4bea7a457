"""Signed webhooks: what the specification asks, and what an attacker would like."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from desk.errors import DeliveryError, InputError
from listener.alerts.webhooks import WebhookChannel, is_public
from tests.fakes.clock import START, Clock
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Hang, Reset
from tests.fakes.notices import NOTICE, SILENCE
from tests.fakes.webhook_receiver import WebhookReceiver

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()


def channel_to(receiver: WebhookReceiver, clock: Clock, *secrets: str) -> WebhookChannel:
    return WebhookChannel(
        "ops",
        SecretStr(f"{receiver.url}/hook?token=hunter2"),
        [SecretStr(secret) for secret in secrets or (SECRET,)],
        now=clock,
        allow_private_addresses=True,
        timeout_seconds=PATIENCE_SECONDS,
    )


def test_an_alert_arrives_signed_with_its_facts(receiver: WebhookReceiver, clock: Clock) -> None:
    channel_to(receiver, clock).deliver(NOTICE)

    [got] = receiver.received
    assert got.path == "/hook?token=hunter2"
    assert got.headers["webhook-id"] == NOTICE.message_id
    assert got.headers["webhook-timestamp"] == str(int(START.timestamp()))
    assert got.headers["content-type"] == "application/json"
    assert got.signed_by(SECRET)
    assert not got.signed_by(OLD_SECRET)
    assert got.json == {
        "type": "case.breach",
        "timestamp": "2026-03-10T09:00:00+00:00",
        "data": {
            "case_id": 7,
            "brand": "Fernway",
            "source": "x",
            "severity": "high",
            "state": "new",
            "assignee": None,
            "due_at": "2026-03-10T08:30:00+00:00",
            "customer": "ana",
            "excerpt": "It broke & nobody answers",
            "private": False,
            "url": "https://x.com/ana/status/1",
        },
    }


def test_an_alert_about_a_source_has_a_type_of_its_own(receiver: WebhookReceiver, clock: Clock) -> None:
    channel_to(receiver, clock).deliver(SILENCE)

    assert receiver.received[0].json == {
        "type": "source.silent",
        "timestamp": "2026-03-10T09:00:00+00:00",
        "data": {
            "source": "x:mentions",
            "state": "backing_off",
            "last_success_at": "2026-03-10T08:55:00+00:00",
            "error": "401 Unauthorized: <b>check</b> the token",
            "permanent": True,
        },
    }


def test_while_a_secret_is_exchanged_both_sign(receiver: WebhookReceiver, clock: Clock) -> None:
    channel_to(receiver, clock, SECRET, OLD_SECRET).deliver(NOTICE)

    [got] = receiver.received
    assert got.signed_by(SECRET)
    assert got.signed_by(OLD_SECRET)


def test_a_second_attempt_has_the_same_id_and_a_fresh_time(receiver: WebhookReceiver, clock: Clock) -> None:
    receiver.fail("/hook", Answer(500))
    channel = channel_to(receiver, clock)
    with pytest.raises(DeliveryError):
        channel.deliver(NOTICE)
    channel.deliver(NOTICE)
    clock.advance(5)
    channel.deliver(NOTICE)

    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert second.signed_by(SECRET)


@pytest.mark.parametrize(
    ("fault", "wait", "words"),
    [
        (Answer(500), None, "answered 500"),
        (Answer(404), None, "answered 404"),
        (Answer(302, b"", {"Location": "/elsewhere"}), None, "a redirect; none is followed"),
        (Answer(429, b"", {"Retry-After": "7"}), 7.0, "answered 429"),
        (Answer(503, b"", {"Retry-After": "Tue, 10 Mar 2026 09:01:30 GMT"}), 90.0, "answered 503"),
        (Answer(503), 60.0, "answered 503"),
        (Answer(502), 60.0, "answered 502"),
        (Reset(), None, "broke off"),
        (Hang(), None, "did not answer in time"),
    ],
)
def test_every_failure_is_said_and_may_be_tried_again(
    receiver: WebhookReceiver, clock: Clock, fault: Answer | Reset | Hang, wait: float | None, words: str
) -> None:
    receiver.fail("/hook", fault)
    channel = channel_to(receiver, clock)

    with pytest.raises(DeliveryError, match=words) as caught:
        channel.deliver(NOTICE)

    assert caught.value.retry_after_seconds == wait
    assert not caught.value.permanent
    assert "hunter2" not in str(caught.value)
    assert "ops" in str(caught.value)
    channel.deliver(NOTICE)
    assert [path for _, path in receiver.requests] == ["/hook?token=hunter2"] * 2


def test_a_receiver_that_is_gone_is_left_alone(receiver: WebhookReceiver, clock: Clock) -> None:
    receiver.fail("/hook", Answer(410))
    channel = channel_to(receiver, clock)

    for _ in range(2):
        with pytest.raises(DeliveryError, match="410 Gone") as caught:
            channel.deliver(NOTICE)
        assert caught.value.permanent
    assert len(receiver.requests) == 1


def test_nobody_listens(clock: Clock) -> None:
    channel = WebhookChannel("ops", "http://127.0.0.1:1/", [SECRET], now=clock, allow_private_addresses=True)

    with pytest.raises(DeliveryError, match="cannot be reached"):
        channel.deliver(NOTICE)


def test_an_alert_of_any_size_stays_under_the_limit(receiver: WebhookReceiver, clock: Clock) -> None:
    huge = "\U0001f4a5" * 50_000
    channel_to(receiver, clock).deliver(
        replace(NOTICE, customer=huge, excerpt=huge, brand=huge, assignee=huge, url=huge, due_at=None)
    )

    [got] = receiver.received
    assert len(got.body) < 20_000
    assert got.json["data"]["due_at"] is None


def test_characters_that_deceive_do_not_arrive(receiver: WebhookReceiver, clock: Clock) -> None:
    channel_to(receiver, clock).deliver(
        replace(NOTICE, excerpt="a\u202eb\x00c\x1b[31m\ud800d", customer="x\ny")
    )

    assert receiver.received[0].json["data"]["excerpt"] == "ab\ufffdc[31m\ufffdd"
    assert receiver.received[0].json["data"]["customer"] == "x y"


INTERNAL = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - it is refused
    "224.0.0.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "not an address",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_known_in_every_spelling(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"]])
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    receiver: WebhookReceiver, clock: Clock, addresses: Sequence[str]
) -> None:
    channel = WebhookChannel(
        "ops",
        "https://rebind.example/?token=hunter2",
        [SECRET],
        now=clock,
        resolve=lambda *_: addresses,
    )

    with pytest.raises(DeliveryError, match="internal address") as caught:
        channel.deliver(NOTICE)
    assert caught.value.permanent
    assert "hunter2" not in str(caught.value)
    assert not receiver.requests


def test_it_connects_to_the_address_that_was_checked_under_the_hosts_name(
    receiver: WebhookReceiver, clock: Clock
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    url = f"http://hooks.example:{receiver.port}/hook"
    channel = WebhookChannel("ops", url, [SECRET], now=clock, allow_private_addresses=True, resolve=resolve)
    channel.deliver(NOTICE)

    assert asked == ["hooks.example"]
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_a_second_address_is_tried_where_the_first_does_not_answer(
    receiver: WebhookReceiver, clock: Clock
) -> None:
    channel = WebhookChannel(
        "ops",
        f"http://hooks.example:{receiver.port}/",
        [SECRET],
        now=clock,
        allow_private_addresses=True,
        resolve=lambda *_: ["::1", "127.0.0.1"],
    )
    channel.deliver(NOTICE)

    assert len(receiver.received) == 1


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_resolved_is_said(clock: Clock, failure: Exception) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise failure

    channel = WebhookChannel("ops", "https://nowhere.example/", [SECRET], now=clock, resolve=resolve)

    with pytest.raises(DeliveryError, match="cannot be resolved"):
        channel.deliver(NOTICE)


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "https://", "nonsense", "http://a.example", "https://me:pw@a.example", "https://a b"],
)
def test_an_address_that_cannot_be_used_is_refused_at_the_start(clock: Clock, url: str) -> None:
    with pytest.raises(InputError, match="Webhook ops") as caught:
        WebhookChannel("ops", url, [SECRET], now=clock)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!",
        "whsec_" + base64.b64encode(b"short").decode(),
        SECRET.removeprefix("whsec_"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_without_repeating_it(clock: Clock, secret: str) -> None:
    with pytest.raises(InputError, match="its secret must be") as caught:
        WebhookChannel("ops", "https://a.example", [secret], now=clock)
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)


def test_no_secret_at_all_is_refused(clock: Clock) -> None:
    with pytest.raises(InputError, match="has no secret"):
        WebhookChannel("ops", "https://a.example", [], now=clock)


def test_the_address_reaches_no_log(
    receiver: WebhookReceiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel_to(receiver, clock).deliver(replace(NOTICE, at=START + timedelta(seconds=1)))

    assert "hunter2" not in caplog.text
