"""Alerts through apprise's real JSON target, to a receiver that keeps what arrived."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import apprise
import pytest
from apprise.decorators import notify
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from desk.errors import DeliveryError, InputError
from desk.model.alert import AlertKind
from listener.alerts.channels import AppriseChannel
from listener.alerts.notices import body, headline, quote
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.notices import NOTICE, SILENCE
from tests.fakes.webhook_receiver import WebhookReceiver


def channel_to(receiver: WebhookReceiver, query: str = "", **settings: Any) -> AppriseChannel:
    url = f"json://agent:hunter2hunter2@127.0.0.1:{receiver.port}/rooms/t0ps3cret{query}"
    return AppriseChannel("chat", SecretStr(url), **settings)


def test_an_alert_arrives_with_what_a_person_needs(receiver: WebhookReceiver) -> None:
    channel_to(receiver).deliver(NOTICE)

    [got] = receiver.received
    assert got.path == "/rooms/t0ps3cret"
    assert got.json["title"] == "Overdue: case 7 (Fernway, x)"
    assert got.json["message"].splitlines() == [
        "high, new, nobody's yet",
        "Due 2026-03-10 08:30 UTC",
        "ana: It broke ＆ nobody answers",
        "https://x.com/ana/status/1",
    ]
    assert got.json["type"] == "failure"


def test_of_a_private_message_no_words_are_given_away(receiver: WebhookReceiver) -> None:
    channel_to(receiver).deliver(replace(NOTICE, private=True))

    [got] = receiver.received
    assert got.json["message"].splitlines()[2] == "ana: (private message)"


@pytest.mark.parametrize(
    ("kind", "words"), [(AlertKind.BREACH_AHEAD, "Due soon"), (AlertKind.URGENT, "Urgent complaint")]
)
def test_each_kind_has_its_headline(receiver: WebhookReceiver, kind: AlertKind, words: str) -> None:
    channel_to(receiver).deliver(replace(NOTICE, kind=kind, assignee="kim", due_at=None, url=None))

    assert receiver.received[0].json["title"].startswith(words)
    assert receiver.received[0].json["message"].splitlines()[:2] == ["high, new, with kim", "No due time"]


def test_a_silent_source_is_said_with_its_error_and_without_mark_up(receiver: WebhookReceiver) -> None:
    channel_to(receiver).deliver(SILENCE)

    got = receiver.received[0].json
    assert got["title"] == "Source silent: x:mentions"
    assert got["message"].splitlines() == [
        "Last success 2026-03-10 08:55 UTC. Posts may be waiting unseen.",
        "401 Unauthorized: ‹b›check‹/b› the token",
        "It will not come back by itself: see answerback doctor.",
    ]
    assert got["type"] == "failure"


@pytest.mark.parametrize(
    "fault",
    [Answer(500), Answer(404), Answer(429), Answer(302, b"", {"Location": "/other"}), Reset(), Hang()],
)
def test_what_did_not_arrive_is_an_error_without_secrets(
    receiver: WebhookReceiver, fault: Answer | Reset | Hang
) -> None:
    channel = channel_to(receiver, "?rto=0.3&cto=0.3")
    receiver.fail("/rooms", fault)

    with pytest.raises(DeliveryError, match=r"Alert channel chat did not take the alert: \w") as caught:
        channel.deliver(NOTICE)

    assert not receiver.received
    said = str(caught.value)
    assert "hunter2" not in said
    assert "t0ps3cret" not in said
    assert "\n" not in said
    channel.deliver(NOTICE)
    assert len(receiver.received) == 1


def test_a_service_that_claims_success_over_a_failure_in_its_log_is_not_believed() -> None:
    @notify(on="claims")
    def claims(*_: object, **__: object) -> bool:
        apprise.logger.warning("Failed to send to the room.")
        return True

    with pytest.raises(DeliveryError, match="Failed to send to the room"):
        AppriseChannel("chat", "claims://room").deliver(NOTICE)


def test_nobody_listens() -> None:
    with pytest.raises(DeliveryError, match="chat"):
        AppriseChannel("chat", "json://127.0.0.1:1/").deliver(NOTICE)


@pytest.mark.parametrize("url", ["", "garbage", "nosuchservice://token12345", "discord://short", "json://"])
def test_an_address_that_apprise_cannot_use_is_refused_without_repeating_it(
    url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InputError, match="Alert channel chat") as caught:
        AppriseChannel("chat", url)

    for said in (str(caught.value), caplog.text, capsys.readouterr().err):
        assert not url or url not in said


def test_the_address_reaches_no_log(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.fail("/rooms", Answer(500))
    channel = channel_to(receiver)
    with pytest.raises(DeliveryError):
        channel.deliver(NOTICE)
    channel.deliver(NOTICE)

    assert "t0ps3cret" not in caplog.text
    assert "hunter2" not in caplog.text


HOSTILE = [
    ("@everyone look", "@\u2060everyone look"),
    ("<!channel> <@U123>", "‹!channel› ‹@\u2060U123›"),
    ("[click](https://evil.example/x)", "［click］(hxxps[:]//evil[.]example/x)"),
    ("www.evil.example", "www[.]evil[.]example"),
    ("HTTP://EVIL.EXAMPLE", "HTTP[:]//EVIL[.]EXAMPLE"),
    ("mailto:a@b.example", "mailto[:]a@\u2060b[.]example"),
    ("**bold** _it_ ~~no~~ `code` ||x||", "∗∗bold∗∗ ＿it＿ ∼∼no∼∼ ˋcodeˋ ǀǀxǀǀ"),
    ("snake_case stays", "snake_case stays"),
    ("# title", "\u2060# title"),
    ("&lt;b&gt;", "＆lt;b＆gt;"),
    ("a\r\nb\x1b[2J\u202ec\u200bd", "a b［2Jcd"),
    ("half \ud83d", "half \ufffd"),
    ("👩‍👩‍👧 family", "👩‍👩‍👧 family"),
    ("Worked at 10:30. Then not.", "Worked at 10:30. Then not."),
]


@pytest.mark.parametrize(("words", "safe"), HOSTILE)
def test_a_customers_words_can_neither_ping_nor_link_nor_format(words: str, safe: str) -> None:
    assert quote(words, 280) == safe


@given(words=st.text(max_size=400))
def test_whatever_is_quoted_is_one_inert_line(words: str) -> None:
    safe = quote(words, 280)

    assert not set("<>`*~|[]\\&") & set(safe.replace("[.]", "").replace("[:]", ""))
    assert "://" not in safe
    assert len((safe + " ").splitlines()) == 1
    safe.encode()


def test_an_alert_fits_every_chat() -> None:
    huge = "@everyone https://evil.example " * 100
    notice = replace(
        NOTICE, customer=huge, excerpt=huge, brand=huge, assignee=huge, severity=huge, state=huge
    )

    assert len(headline(notice)) + len(body(notice, 1_900)) < 2_000
    assert len(body(notice, 140)) <= 140


def test_a_link_to_the_post_stays_live_unless_it_could_do_more() -> None:
    assert "https://m.example/%40ana/1" in body(replace(NOTICE, url="https://m.example/@ana/1"), 1_900)
    assert "evil" not in body(replace(NOTICE, url="https://evil.example/<!channel>"), 1_900)
    assert "javascript" not in body(replace(NOTICE, url="javascript:alert(1)"), 1_900)


def test_a_plugin_that_raises_is_a_failed_delivery_and_not_the_end_of_the_run() -> None:
    @notify(on="raising")
    def _raise(**_: Any) -> bool:
        raise RuntimeError("token t0ps3cret is gone")

    channel = AppriseChannel("chat", "raising://t0ps3cret")
    with pytest.raises(DeliveryError, match="chat") as error:
        channel.deliver(NOTICE)
    assert "t0ps3cret" not in str(error.value)
