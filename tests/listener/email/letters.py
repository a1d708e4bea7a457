"""Reading letters without any server."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from desk.model.mention import Mention
from listener.platforms.email.account import EmailAccount, Security, Server
from listener.platforms.email.ids import conversation_id, id_of
from listener.platforms.email.letter import read_letter
from listener.platforms.email.posts import to_mention
from tests.fakes.clock import START
from tests.fakes.email_server import ADDRESS


def account(**changes: Any) -> EmailAccount:
    facts: dict[str, Any] = {
        "brand": "fernway",
        "address": ADDRESS,
        "imap": Server("localhost", 993, Security.TLS),
        "smtp": Server("localhost", 465, Security.TLS),
        "username": ADDRESS,
        "password": SecretStr("x"),
    }
    return EmailAccount(**facts | changes)


def mention_of(raw: bytes, *, is_sent: bool = False, **changes: Any) -> Mention:
    letter, box = read_letter(raw), account(**changes)
    return to_mention(
        letter,
        box,
        root=conversation_id(box, id_of(letter, box)),
        parent=None,
        is_sent=is_sent,
        arrived_at=START,
        received_at=START,
    )


def raw_mail(body: bytes | str, *fields: str, kind: str = "text/plain; charset=utf-8") -> bytes:
    """A mail from its pieces; `fields` are whole header lines."""
    head = [
        "From: Ana <ana@mail.example>",
        "Message-ID: <m1@mail.example>",
        "Date: Tue, 10 Mar 2026 08:30:00 +0000",
        f"Content-Type: {kind}",
        *fields,
    ]
    content = body if isinstance(body, bytes) else body.encode()
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
