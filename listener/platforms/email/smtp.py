"""The edge to an SMTP server: one mail, one attempt, and exactly how far it came."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from enum import Enum, auto

from listener.platforms.email.account import EmailAccount, Security, Server, trust
from listener.text import one_line

_DETAIL_LIMIT = 300


class Outcome(Enum):
    REFUSED = auto()
    """For good: nothing was sent."""
    LATER = auto()
    """Nothing was sent, and the reason may pass."""
    UNKNOWN = auto()
    """The mail has left, and no answer came."""


class SmtpError(Exception):
    """A mail that is not known to be accepted. Never leaves the e-mail modules: it becomes a DeskError."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


def deliver(
    account: EmailAccount,
    message: EmailMessage,
    recipients: Sequence[str],
    *,
    utf8: bool,
    timeout_seconds: float,
    answer_seconds: float,
) -> None:
    """Hand a mail over. `answer_seconds`: how long to wait for the word that it was accepted, which comes
    late from servers that look into it first (RFC 5321, section 4.5.3.2.6). Raises SmtpError."""
    server = account.smtp
    if server is None:
        raise SmtpError(Outcome.REFUSED, f"No SMTP server is set for {account.address}")
    raw = message.as_bytes(policy=(SMTPUTF8 if utf8 else SMTP).clone(cte_type="7bit" if not utf8 else "8bit"))
    try:
        client = _connect(server, account, timeout_seconds)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _before(error, server, timeout_seconds) from None
    try:
        _log_in(client, account, server)
        _announce(client, account, recipients, server, utf8=utf8)
        _hand_over(client, raw, server, answer_seconds)
    finally:
        # The answer is in, or never will be: how the connection ends changes nothing.
        with suppress(OSError, smtplib.SMTPException, ValueError):
            if client.sock is not None:
                client.sock.settimeout(min(timeout_seconds, 2.0))
            client.quit()
        with suppress(OSError):
            client.close()


def _connect(server: Server, account: EmailAccount, timeout_seconds: float) -> smtplib.SMTP:
    context = trust(account.ca_file)
    # A name of this machine tells the world where it stands; the address's own domain says enough.
    hello = account.key.rpartition("@")[2]
    hello = hello if hello.isascii() else "localhost"
    client: smtplib.SMTP
    if server.security is Security.TLS:
        client = smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=hello, timeout=timeout_seconds, context=context
        )
    else:
        client = smtplib.SMTP(server.host, server.port, local_hostname=hello, timeout=timeout_seconds)
    try:
        client.ehlo_or_helo_if_needed()
        if server.security is Security.STARTTLS:
            if not client.has_extn("starttls"):
                raise SmtpError(
                    Outcome.REFUSED,
                    f"{_where(server)} offers no STARTTLS, so the password would be readable on its way; "
                    "check port and security",
                )
            client.starttls(context=context)
            client.ehlo_or_helo_if_needed()
    except BaseException:
        client.close()
        raise
    return client


def _log_in(client: smtplib.SMTP, account: EmailAccount, server: Server) -> None:
    if not client.has_extn("auth"):
        return  # a relay that knows its senders by their network
    try:
        client.login(account.username, account.password.get_secret_value())
    except smtplib.SMTPAuthenticationError as error:
        said = _said(error.smtp_code, error.smtp_error, account)
        if 400 <= error.smtp_code < 500:
            raise SmtpError(Outcome.LATER, f"{_where(server)} takes no log-in now: {said}") from None
        raise SmtpError(
            Outcome.REFUSED,
            f"{_where(server)} refused the user name or password of {account.address}: {said}. Many "
            "providers want an app password",
        ) from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _before(error, server, client.timeout) from None


def _announce(
    client: smtplib.SMTP, account: EmailAccount, recipients: Sequence[str], server: Server, *, utf8: bool
) -> None:
    """From whom, to whom. Nobody gets it unless all do."""
    if utf8 and not client.has_extn("smtputf8"):
        raise SmtpError(
            Outcome.REFUSED, f"{_where(server)} cannot write to addresses with such letters (SMTPUTF8)"
        )
    options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
    try:
        _expect(client.mail(account.address, options), (250,), account, server)
        for recipient in recipients:
            _expect(client.rcpt(recipient), (250, 251, 252), account, server)
        _expect(client.docmd("DATA"), (354,), account, server)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _before(error, server, client.timeout) from None


def _hand_over(client: smtplib.SMTP, raw: bytes, server: Server, answer_seconds: float) -> None:
    try:
        # Lines that begin with a dot get another one; a lone dot ends the mail.
        lines = [b"." + line if line.startswith(b".") else line for line in raw.split(b"\r\n")]
        body = b"\r\n".join(lines)
        client.send(body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        if client.sock is not None:
            client.sock.settimeout(answer_seconds)
        code, text = client.getreply()
    except (OSError, smtplib.SMTPException, ValueError):
        raise SmtpError(
            Outcome.UNKNOWN,
            f"the connection to {_where(server)} broke before it said whether it took the mail",
        ) from None
    if 200 <= code < 300:
        return
    if 400 <= code < 600:
        outcome = Outcome.LATER if code < 500 else Outcome.REFUSED
        raise SmtpError(outcome, f"{_where(server)} did not take the mail: {_said(code, text, None)}")
    raise SmtpError(Outcome.UNKNOWN, f"{_where(server)} gave an answer that says nothing")


def _expect(answer: tuple[int, bytes], wanted: Sequence[int], account: EmailAccount, server: Server) -> None:
    code, text = answer
    if code in wanted:
        return
    outcome = Outcome.REFUSED if 500 <= code < 600 else Outcome.LATER
    raise SmtpError(outcome, f"{_where(server)} refused: {_said(code, text, account)}")


def _before(error: Exception, server: Server, timeout_seconds: float) -> SmtpError:
    """For what went wrong before the mail left. No text of the exception is passed on as it is."""
    where = _where(server)
    if isinstance(error, ssl.SSLCertVerificationError):
        return SmtpError(
            Outcome.REFUSED, f"{where} has a certificate that is not trusted ({error.verify_message})"
        )
    if isinstance(error, ssl.SSLError):
        return SmtpError(
            Outcome.LATER, f"{where} and Answerback found no common protection (TLS); check the port"
        )
    if isinstance(error, TimeoutError):
        return SmtpError(Outcome.LATER, f"{where} did not answer within {timeout_seconds:g} s")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SmtpError(Outcome.REFUSED, f"{where} offers no way to log in that is known here")
    if isinstance(error, smtplib.SMTPResponseException) and 500 <= error.smtp_code < 600:
        return SmtpError(
            Outcome.REFUSED, f"{where} refused: {_said(error.smtp_code, error.smtp_error, None)}"
        )
    if isinstance(error, smtplib.SMTPException):
        return SmtpError(Outcome.LATER, f"the connection to {where} broke")
    return SmtpError(Outcome.LATER, f"{where} cannot be reached (refused, no route, or unknown name)")


def _said(code: int, text: bytes | str, account: EmailAccount | None) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if account is not None:
        words = words.replace(account.password.get_secret_value(), "(password)")
    return f"{code} {one_line(words, _DETAIL_LIMIT)}".rstrip(". ")


def _where(server: Server) -> str:
    return f"{server.host}:{server.port}"
