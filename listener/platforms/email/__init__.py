"""E-mail: a mailbox read over IMAP, answers over SMTP, and what people answer in their mail program."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from desk.ports import Now
from listener.platform import Connected, Feed, Platform, Secrets, SourceSettings
from listener.platforms.email.account import Copies, Security, Server, address_of, server_of

if TYPE_CHECKING:
    from listener.platforms.email.account import EmailAccount

_PASSWORD = "PASSWORD"  # noqa: S105  (the name of a variable, not its value)
_IMAP_PORTS = {993: Security.TLS, 143: Security.STARTTLS}
_SMTP_PORTS = {465: Security.TLS, 587: Security.STARTTLS, 25: Security.STARTTLS}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_Address = Annotated[str, AfterValidator(address_of)]


class EmailSettings(SourceSettings):
    """One mailbox of a brand."""

    type: Literal["email"]
    name: str = "email"
    address: _Address
    """The brand's address; answers come from it."""
    imap_server: str
    """host or host:port. Port 993 is TLS, 143 STARTTLS."""
    smtp_server: str | None = None
    """host or host:port. Port 465 is TLS, 587 STARTTLS. Without it, nobody answers from here."""
    security: Security | None = None
    """Where the ports do not tell: "tls", "starttls", or "plain" for a server on a network of your own."""
    username: str | None = None
    """The address, where it is not given."""
    folder: Annotated[str, Field(min_length=1, max_length=500)] = "INBOX"
    sent_folder: str | None = None
    """Where sent mail is; the server mostly tells."""
    aliases: tuple[_Address, ...] = ()
    """More addresses of the brand: mail from them is its own."""
    copies: Copies = Copies.APPEND
    """Who keeps a copy of what is sent: "append", "server" or "copy"."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's (PEM)."""

    @property
    def imap(self) -> Server:
        return server_of(self.imap_server, _IMAP_PORTS, self.security)

    @property
    def smtp(self) -> Server | None:
        return None if self.smtp_server is None else server_of(self.smtp_server, _SMTP_PORTS, self.security)

    @model_validator(mode="after")
    def _servers_are_addresses(self) -> Self:
        for key in ("imap", "smtp"):
            try:
                getattr(self, key)
            except ValueError as error:
                raise ValueError(f"{key}_server: {error}") from None
        return self

    def anchored(self, folder: Path) -> Self:
        if self.ca_file is None:
            return self
        return self.model_copy(update={"ca_file": folder / self.ca_file})


def _connect(sources: Sequence[EmailSettings], secrets: Secrets, now: Now) -> Connected:
    from listener.platforms.email.sender import EmailSender  # noqa: PLC0415
    from listener.platforms.email.source import EmailFeed, EmailSource  # noqa: PLC0415
    from listener.platforms.email.stream import EmailStream  # noqa: PLC0415
    from listener.platforms.email.threads import Threads  # noqa: PLC0415

    feeds: list[Feed] = []
    writing: list[EmailAccount] = []
    for settings in sources:
        account = _account(settings, secrets)
        threads = Threads()
        for kind in EmailFeed:
            source = EmailSource(
                account,
                feed=kind,
                now=now,
                name=f"{settings.name}:{kind}",
                interval_seconds=settings.interval.total_seconds(),
                threads=threads,
            )
            stream = EmailStream(account, random=random.random) if kind is EmailFeed.INBOX else None
            feeds.append(Feed(source, stream))
        if account.smtp is not None:
            writing.append(account)
    return Connected(feeds, {"email": EmailSender(writing, now=now)} if writing else {})


def _account(settings: EmailSettings, secrets: Secrets) -> EmailAccount:
    from listener.platforms.email.account import EmailAccount  # noqa: PLC0415

    password = secrets(settings, _PASSWORD)
    assert password is not None, "reads_with says so"  # noqa: S101
    return EmailAccount(
        brand=settings.brand,
        address=settings.address,
        imap=settings.imap,
        smtp=settings.smtp,
        username=settings.username or settings.address,
        password=password,
        folder=settings.folder,
        sent_folder=settings.sent_folder,
        aliases=settings.aliases,
        copies=settings.copies,
        ca_file=settings.ca_file,
    )


def _problems(settings: EmailSettings) -> Iterable[str]:
    for server in (settings.imap, settings.smtp):
        if server is not None and server.security is Security.PLAIN and server.host not in _LOOPBACK:
            yield f"The password and all mail are readable on the way to {server.host}; use TLS or STARTTLS."
    if settings.ca_file is not None and not settings.ca_file.is_file():
        yield f"{settings.ca_file}: there is no such file of certificates."


PLATFORM = Platform(
    title="E-mail",
    settings=EmailSettings,
    connect=_connect,
    asks=(
        "A mailbox with IMAP, and SMTP to answer; no approval, no price beyond the mailbox. Log-in is by "
        "password: providers that take only OAuth (XOAUTH2), such as Microsoft 365, do not work yet."
    ),
    steps=(
        "Turn IMAP on in the mailbox's settings, if the provider has that switch.",
        "Make an app password for Answerback (Gmail, iCloud, Yahoo, Fastmail and others want one, and "
        "two-step log-in for it); your own password then stays out of it.",
        'With Gmail set copies = "server", because it files what is sent by itself.',
    ),
    reads_with=((_PASSWORD,),),
    replies_with=(_PASSWORD,),
    problems=_problems,
)
