"""Whose mailbox, on which servers, and how they are reached. Pure."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from desk.errors import InputError

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[?[0-9A-Fa-f:]{2,45}\]?")
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"/]{1,64}@[^\s@<>()\[\]\\,;:\"/]{1,250}")


class Security(StrEnum):
    """How a connection is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    PLAIN = "plain"
    """Not at all: for a server on this machine, or on a network that nobody else is on."""


class Copies(StrEnum):
    """What becomes of a mail that was sent; it decides how sure a look for a lost reply can be."""

    APPEND = "append"
    """Answerback files it in the folder of sent mail. Whether a reply left whose answer was lost cannot be
    told then: it is shown to people, and never sent again by itself."""
    SERVER = "server"
    """The server files it by itself, as Gmail and Microsoft 365 do: a look tells for certain."""
    COPY = "copy"
    """The brand's own address gets a copy of each reply: a look tells for certain, on every server."""


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class EmailAccount:
    """One mailbox of a brand."""

    brand: str
    address: str
    imap: Server
    smtp: Server | None
    """None where nobody answers from here."""
    username: str
    password: SecretStr = field(repr=False)
    folder: str = "INBOX"
    sent_folder: str | None = None
    """None: the one that the server calls so."""
    aliases: tuple[str, ...] = ()
    """More addresses of the brand; their mail is its own, too."""
    copies: Copies = Copies.APPEND
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""

    @property
    def key(self) -> str:
        """Names the mailbox in ids."""
        return self.address.lower()

    def is_own(self, address: str) -> bool:
        return address.lower() in {self.key, *(alias.lower() for alias in self.aliases)}


def address_of(value: str) -> str:
    """The value where it is an address that can stand in an id. Raises ValueError."""
    if not _ADDRESS.fullmatch(value) or not value.isprintable():
        raise ValueError('must be an e-mail address such as "help@fernway.example"')
    return value


def server_of(value: str, usual: dict[int, Security], security: Security | None) -> Server:
    """From "host" or "host:port". `usual` says which port means what; its first is the one to take.

    Raises ValueError saying what is wrong.
    """
    host, port_text = value.strip(), ""
    if host.count(":") == 1 or "]:" in host:
        host, _, port_text = host.rpartition(":")
    if not _HOST.fullmatch(host):
        raise ValueError('must be a host, or host:port, such as "mail.fernway.example:993"')
    if port_text and not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65_536):
        raise ValueError("its port must be a number from 1 to 65535")
    if port_text:
        port = int(port_text)
    else:
        port = next((p for p, kind in usual.items() if security in {None, kind}), next(iter(usual)))
    return Server(host.strip("[]"), port, security or usual.get(port, Security.TLS))


@cache
def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What tells whether a server is who it says. Raises InputError for a file that holds no certificates."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{ca_file} cannot be read as certificates (PEM): {error}.") from error
