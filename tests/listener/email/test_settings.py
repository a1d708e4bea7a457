"""What config.toml may say of a mailbox, and what it comes to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from desk.errors import InputError, SourceError
from listener.platform import NamedSettings
from listener.platforms import load
from listener.platforms.email import PLATFORM, EmailSettings
from listener.platforms.email.account import Security, Server
from listener.platforms.email.sender import EmailSender
from listener.platforms.email.source import EmailFeed, EmailSource
from tests.fakes.clock import Clock
from tests.fakes.email_server import MailServer, mail
from tests.listener.email.test_sender import answer_to


def settings(**changes: Any) -> EmailSettings:
    facts = {
        "type": "email",
        "brand": "Fernway",
        "address": "help@fernway.example",
        "imap_server": "mail.fernway.example",
    }
    return EmailSettings.model_validate(facts | changes)


@pytest.mark.parametrize(
    ("given", "imap", "smtp"),
    [
        ({}, ("mail.fernway.example", 993, "tls"), None),
        (
            {"imap_server": "a.example:143", "smtp_server": "b.example:587"},
            ("a.example", 143, "starttls"),
            ("b.example", 587, "starttls"),
        ),
        ({"smtp_server": "b.example"}, ("mail.fernway.example", 993, "tls"), ("b.example", 465, "tls")),
        (
            {"smtp_server": "b.example", "security": "starttls"},
            ("mail.fernway.example", 143, "starttls"),
            ("b.example", 587, "starttls"),
        ),
        (
            {"imap_server": "[::1]:1143", "security": "plain"},
            ("::1", 1143, "plain"),
            None,
        ),
    ],
)
def test_ports_tell_how_a_connection_is_protected(given: dict[str, Any], imap: Any, smtp: Any) -> None:
    found = settings(**given)

    assert found.imap == Server(imap[0], imap[1], Security(imap[2]))
    assert found.smtp == (None if smtp is None else Server(smtp[0], smtp[1], Security(smtp[2])))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "nobody"),
        ("address", "a/b@x.example"),
        ("imap_server", "https://mail.example"),
        ("imap_server", "mail.example:99999"),
        ("smtp_server", "a b"),
        ("security", "none"),
        ("copies", "perhaps"),
        ("aliases", ["x"]),
    ],
)
def test_what_no_server_would_take_is_named(key: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**{key: value})
    assert key in str(caught.value)


def test_two_feeds_and_a_sender_come_of_one_mailbox() -> None:
    def secrets(source: NamedSettings, name: str) -> SecretStr:
        return SecretStr("x")

    connected = PLATFORM.connect([settings(smtp_server="b.example")], secrets, Clock())
    reading = PLATFORM.connect([settings()], secrets, Clock())

    assert [feed.source.name for feed in connected.feeds] == ["email:inbox", "email:sent"]
    assert [feed.stream is not None for feed in connected.feeds] == [True, False]
    assert list(connected.senders) == ["email"]
    assert dict(reading.senders) == {}
    assert load("email") is PLATFORM
    with pytest.raises(InputError, match="twice"):
        PLATFORM.connect([settings(smtp_server="b.example")] * 2, secrets, Clock())


def test_an_open_line_is_a_problem_beyond_this_machine() -> None:
    assert not list(PLATFORM.problems(settings(imap_server="127.0.0.1", security="plain")))
    assert "readable" in " ".join(PLATFORM.problems(settings(security="plain")))
    assert "certificates" in " ".join(PLATFORM.problems(settings(ca_file="nowhere.pem")))


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [openssl, *made, *named, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
    )
    return cert, key


def test_starttls_protects_both_ways_and_an_unknown_certificate_is_refused(
    certificate: tuple[Path, Path], clock: Clock
) -> None:
    with MailServer(clock, tls=certificate) as server:
        server.put(mail("It broke."))
        facts: dict[str, Any] = {
            "imap": Server("localhost", server.imap_port, Security.STARTTLS),
            "smtp": Server("localhost", server.smtp_port, Security.STARTTLS),
        }
        trusted = server.account(**facts, ca_file=certificate[0])

        (question,) = EmailSource(trusted, feed=EmailFeed.INBOX, now=clock).fetch(None).mentions
        EmailSender([trusted], now=clock).send(answer_to(question))
        with pytest.raises(SourceError, match="not trusted") as caught:
            EmailSource(server.account(**facts), feed=EmailFeed.INBOX, now=clock).fetch(None)

        assert len(server.sent) == 1
        assert caught.value.permanent


def test_a_server_without_starttls_gets_no_password(server: MailServer) -> None:
    open_line = Server("127.0.0.1", server.imap_port, Security.STARTTLS)

    with pytest.raises(SourceError, match="STARTTLS") as caught:
        EmailSource(server.account(imap=open_line), feed=EmailFeed.INBOX, now=server.now).fetch(None)
    assert caught.value.permanent
