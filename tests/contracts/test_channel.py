"""What every alert channel promises: it arrived, or it says so; and no secret in any message."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from desk.errors import DeliveryError
from desk.ports import AlertChannel
from listener.alerts.channels import AppriseChannel
from listener.alerts.webhooks import WebhookChannel
from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Fault, Reset
from tests.fakes.notices import NOTICE
from tests.fakes.webhook_receiver import WebhookReceiver

TOKEN = "t0ken-in-the-path"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@dataclass(frozen=True)
class Harness:
    receiver: WebhookReceiver
    open: Callable[[], AlertChannel]


@pytest.fixture(params=["apprise", "webhook"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    with WebhookReceiver() as receiver:
        address = f"127.0.0.1:{receiver.port}/{TOKEN}"

        def apprise() -> AlertChannel:
            return AppriseChannel("ops", f"json://{address}")

        def webhook() -> AlertChannel:
            return WebhookChannel(
                "ops", f"http://{address}", [SECRET], now=Clock(), allow_private_addresses=True
            )

        yield Harness(receiver, apprise if request.param == "apprise" else webhook)


def test_an_alert_arrives_once(harness: Harness) -> None:
    harness.open().deliver(NOTICE)

    [got] = harness.receiver.received
    assert got.path == f"/{TOKEN}"
    assert b"It broke" in got.body
    assert b"Fernway" in got.body


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(403), Answer(301, b"", {"Location": "/"}), Reset()], ids=repr
)
def test_an_alert_that_did_not_arrive_is_said_and_the_next_try_arrives(
    harness: Harness, fault: Fault
) -> None:
    harness.receiver.fail("/", fault)
    channel = harness.open()

    with pytest.raises(DeliveryError, match="ops") as caught:
        channel.deliver(NOTICE)
    assert not harness.receiver.received
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)

    channel.deliver(NOTICE)
    assert len(harness.receiver.received) == 1


def test_any_words_of_a_customer_arrive(harness: Harness) -> None:
    for words in ("", "[/nope] {x} %s \\u0000", "\ud800\x00\u202e", "🔥" * 280, "@everyone <!channel>"):
        harness.open().deliver(replace(NOTICE, excerpt=words, customer=words or "ana"))

    assert len(harness.receiver.received) == 5


def test_a_channel_keeps_its_name(harness: Harness) -> None:
    assert harness.open().name == "ops"
