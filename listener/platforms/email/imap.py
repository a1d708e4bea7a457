"""The edge to an IMAP server: one connection, a few questions, and its failures in our own words.

Nothing here marks a mail as read or changes a folder, but for `append`: folders are opened with EXAMINE, and
mails read with BODY.PEEK.
"""

from __future__ import annotations

import imaplib
import re
import selectors
import ssl
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from desk.errors import InputError
from listener.http import hush
from listener.platforms.email.account import EmailAccount, Security, Server, trust
from listener.platforms.email.answers import UNKNOWN_SIZE, Envelope, Folder, Found, MailboxError
from listener.text import one_line

_DETAIL_LIMIT = 200
_WINDOW = 50_000
"""UIDs that one search covers. The answer is one line, which the library takes up to 1,000,000 bytes of."""
_SMALL = 80_000
"""So many mails fit into one answer, whatever their UIDs."""
_WINDOWS_PER_LOOK = 20
_FOLDERS_LIMIT = 60
"""Folders that a mail is looked for in."""
_RUBBISH = re.compile(r"(?:.*[./])?(?:trash|deleted (?:items|messages)|junk.*|spam)", re.IGNORECASE)
"""What such folders are called where the server does not mark them."""
_PASSING = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|OVERQUOTA|CLIENTBUG)\b", re.IGNORECASE)
"""Refusals that say of themselves that they pass (RFC 5530)."""
_BROKEN = (imaplib.IMAP4.abort, OSError, EOFError)
_FAILURES = (IMAPClientError, imaplib.IMAP4.error, OSError, EOFError, ValueError, AssertionError, LookupError)
"""What the library raises for what a server may say; the last ones where an answer makes no sense."""

T = TypeVar("T")


class Mailbox:
    """One connection to a mailbox, made when it is needed. To be used by one thread at a time."""

    def __init__(self, account: EmailAccount, *, timeout_seconds: float = 30) -> None:
        """`timeout_seconds` bounds each wait for the server. Raises InputError, see `trust`."""
        if not account.password.get_secret_value():
            raise InputError(f"The password for {account.address} is empty; set it in the environment.")
        self._account, self._timeout_seconds = account, timeout_seconds
        self._trust = trust(account.ca_file)
        self._client: IMAPClient | None = None
        self._folder, self._validity = "", None
        self._sent_folder: str | None = account.sent_folder
        # They write passwords and all that is read at DEBUG.
        hush("imapclient", "imapclient.imaplib")

    @property
    def host(self) -> str:
        return self._account.imap.host

    def close(self) -> None:
        client, self._client, self._folder = self._client, None, ""
        if client is not None:
            with suppress(*_FAILURES):
                client.shutdown()

    def open(self, folder: str) -> Folder:
        """Open a folder for reading, and say how it is now."""

        def ask(client: IMAPClient) -> Folder:
            self._folder = ""
            said = client.select_folder(folder, readonly=True)
            self._folder, self._validity = folder, said.get(b"UIDVALIDITY")
            validity, next_uid = said.get(b"UIDVALIDITY"), said.get(b"UIDNEXT")
            if not isinstance(validity, int) or not 0 <= validity < 2**32:
                raise MailboxError(
                    f"{self.host} gives its mails no lasting numbers (UIDVALIDITY is missing)", permanent=True
                )
            count = said.get(b"EXISTS")
            count = count if isinstance(count, int) else 0
            if not isinstance(next_uid, int):
                # Servers may leave it out; then the highest UID tells.
                highest = client.search(["UID", "*"]) if count else []
                next_uid = max(highest, default=0) + 1
            return Folder(validity, next_uid, count)

        try:
            return self._ask(ask)
        except MailboxError as error:
            if error.refused and not error.permanent:
                known = ", ".join(self._names()[:20])
                raise MailboxError(
                    f'{error}. The folder "{folder}" cannot be opened'
                    + (f"; there are: {known}" if known else ""),
                    permanent=True,
                    refused=True,
                ) from error
            raise

    def uids_after(self, uid: int, folder: Folder, *, since: datetime | None = None, last: int = 0) -> Found:
        """Mails of the open folder above `uid`, up to `last` where that is given.

        With `since`, only those that came on that day or later, by the server's calendar.
        """
        end = last or folder.next_uid - 1
        criteria: list[Any] = [] if since is None else ["SINCE", since.date()]
        begin = uid + 1
        for _ in range(_WINDOWS_PER_LOOK):
            if begin > end:
                break
            until = end if folder.count <= _SMALL else min(end, begin + _WINDOW - 1)
            asked = ["UID", f"{begin}:{until}", *criteria]
            # The library takes the search's words as they are when the question is put, which is at once.
            found = self._ask(lambda client, asked=asked: client.search(asked))  # type: ignore[misc]
            uids = tuple(sorted(number for number in set(found) if begin <= number <= until))
            if uids or until == end:
                return Found(uids, until)
            begin = until + 1
        return Found((), begin - 1)

    def existing(self, uids: Collection[int]) -> set[int]:
        """Which of these the open folder still holds."""
        if not uids:
            return set()
        listed = ",".join(str(uid) for uid in sorted(uids))
        return set(self._ask(lambda client: client.search(["UID", listed]))) & set(uids)

    def envelopes(self, uids: Sequence[int]) -> dict[int, Envelope]:
        """Size and time of arrival, for those that are still there."""
        try:
            return self._envelopes(uids, "RFC822.SIZE", "INTERNALDATE")
        except MailboxError as error:
            if not error.senseless:
                raise
        # One date that cannot be read must not keep back the mails beside it.
        return self._envelopes(uids, "RFC822.SIZE")

    def _envelopes(self, uids: Sequence[int], *what: str) -> dict[int, Envelope]:
        said = self._ask(lambda client: client.fetch(uids, what))
        found = {}
        for uid, data in said.items():
            size, at = data.get(b"RFC822.SIZE"), data.get(b"INTERNALDATE")
            found[uid] = Envelope(
                max(size, 0) if isinstance(size, int) else UNKNOWN_SIZE,
                _utc(at) if isinstance(at, datetime) else None,
            )
        return found

    def beginnings(self, uids: Sequence[int], limit: int) -> dict[int, bytes]:
        """The first `limit` bytes of each mail, whatever size the server says it has."""
        part = f"BODY.PEEK[]<0.{limit}>"
        said = self._ask(lambda client: client.fetch(uids, [part]))
        found = {}
        for uid, data in said.items():
            body = next((value for key, value in data.items() if key.startswith(b"BODY[]")), None)
            if isinstance(body, bytes):
                found[uid] = body[:limit]
        return found

    def with_field(self, name: str, value: str) -> list[int]:
        """UIDs of the open folder's mails in whose header field `name` this stands; newest last."""
        return sorted(self._ask(lambda client: client.search(["HEADER", name, value])))

    def written_by(self, address: str, *, without_id: bool) -> list[int]:
        """UIDs of what somebody has sent; newest last."""
        criteria = ["FROM", address, *(("NOT", "HEADER", "Message-ID", "") if without_id else ())]
        return sorted(self._ask(lambda client: client.search(criteria)))

    def sent_folder(self) -> str:
        """The folder of sent mail. Raises MailboxError where it has to be named."""
        if self._sent_folder is None:
            found = self._ask(lambda client: client.find_special_folder(rb"\Sent"))
            if not found:
                raise MailboxError(
                    f"{self.host} does not say in which folder sent mail is kept; name it as sent_folder. "
                    f"There are: {', '.join(self._names()[:20])}",
                    permanent=True,
                )
            self._sent_folder = str(found)
        return self._sent_folder

    def kept_folders(self) -> list[str] | None:
        """Folders in which a mail that was moved may be: not those of rubbish. None for too many to ask."""
        folders = self._ask(lambda client: client.list_folders())
        kept = [
            str(name)
            for flags, _, name in folders
            if not {flag.lower() for flag in flags} & {rb"\noselect", rb"\nonexistent", rb"\trash", rb"\junk"}
            and _RUBBISH.fullmatch(str(name)) is None
        ]
        return kept if len(kept) <= _FOLDERS_LIMIT else None

    def append(self, folder: str, raw: bytes, at: datetime) -> None:
        """File a mail as read."""
        self._ask(lambda client: client.append(folder, raw, (rb"\Seen",), at), once=True)

    def listen(self, folder: str, renew_seconds: float) -> Idle:
        """Have the server tell of changes. Raises MailboxError; refused where it does not know how."""
        self.open(folder)

        def ask(client: IMAPClient) -> Idle:
            if not client.has_capability("IDLE"):
                raise MailboxError(f"{self.host} tells of no news by itself (no IDLE)", refused=True)
            client.idle()
            return Idle(self, client, renew_seconds)

        return self._ask(ask)

    def _names(self) -> list[str]:
        try:
            return [one_line(str(name), 60) for _, _, name in self._ask(lambda client: client.list_folders())]
        except MailboxError:
            return []

    def _ask(self, question: Callable[[IMAPClient], T], *, once: bool = False) -> T:
        """Put one question. On a kept connection that has broken meanwhile it is asked once more, anew."""
        is_kept = self._client is not None
        folder = self._folder
        try:
            return self._tried(question)
        except MailboxError as error:
            if once or not is_kept or error.refused or self._client is not None:
                raise
        if folder:
            said = self._tried(lambda client: client.select_folder(folder, readonly=True))
            self._folder = folder
            if said.get(b"UIDVALIDITY") != self._validity:
                # The numbers asked about are others' now: an answer would be about other mails.
                self.close()
                raise MailboxError(f'{self.host} has numbered the folder "{folder}" anew in this moment')
        return self._tried(question)

    def _tried(self, question: Callable[[IMAPClient], T]) -> T:
        try:
            if self._client is None:
                self._client = self._connect()
            return question(self._client)
        except MailboxError:
            raise
        except _BROKEN as error:
            self.close()
            raise self._broken(error) from error
        except _FAILURES as error:
            if not isinstance(error, IMAPClientError | imaplib.IMAP4.error):
                self.close()
                raise MailboxError(
                    f"{self.host} sent an answer that makes no sense", senseless=True
                ) from error
            said = one_line(str(error), _DETAIL_LIMIT)
            raise MailboxError(f"{self.host} refused: {self._clean(said)}", refused=True) from error

    def _connect(self) -> IMAPClient:
        server = self._account.imap
        client = IMAPClient(
            server.host,
            server.port,
            ssl=server.security is Security.TLS,
            ssl_context=self._trust if server.security is Security.TLS else None,
            timeout=SocketTimeout(connect=self._timeout_seconds, read=self._timeout_seconds),
        )
        try:
            client.normalise_times = False
            if server.security is Security.STARTTLS:
                self._protect(client, server)
            self._log_in(client)
        except BaseException:
            with suppress(*_FAILURES):
                client.shutdown()
            raise
        return client

    def _protect(self, client: IMAPClient, server: Server) -> None:
        if not client.has_capability("STARTTLS"):
            raise MailboxError(
                f"{server.host}:{server.port} offers no STARTTLS, so the password could be read on its way",
                permanent=True,
            )
        client.starttls(self._trust)

    def _log_in(self, client: IMAPClient) -> None:
        name, password = self._account.username, self._account.password.get_secret_value()
        try:
            # LOGIN cannot carry other letters than ASCII (RFC 3501).
            if f"{name}{password}".isascii() and not client.has_capability("LOGINDISABLED"):
                client.login(name, password)
            else:
                client.plain_login(name, password)
        except (LoginError, IMAPClientError) as error:
            if isinstance(error, imaplib.IMAP4.abort):
                raise
            said = self._clean(one_line(str(error), _DETAIL_LIMIT))
            if _PASSING.search(said):
                raise MailboxError(f"{self.host} takes no log-in now: {said}", refused=True) from None
            raise MailboxError(
                f"{self.host} refused the user name or password of {self._account.address}: {said}. Many "
                "providers want an app password, made in the account's security settings",
                permanent=True,
                refused=True,
            ) from None

    def _clean(self, said: str) -> str:
        password = self._account.password.get_secret_value()
        return said.replace(password, "(password)").removeprefix("b'").rstrip("'.")

    def _broken(self, error: Exception) -> MailboxError:
        """No text of the exception is passed on where it can hold what was sent."""
        where = f"{self.host}:{self._account.imap.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return MailboxError(
                f"{where} has a certificate that is not trusted ({error.verify_message})", permanent=True
            )
        if isinstance(error, ssl.SSLError):
            return MailboxError(
                f"{where} and Answerback found no common protection (TLS); check port and security"
            )
        if isinstance(error, TimeoutError):
            return MailboxError(f"{where} did not answer within {self._timeout_seconds:g} s")
        if isinstance(error, imaplib.IMAP4.abort | EOFError | ConnectionResetError | BrokenPipeError):
            return MailboxError(f"the connection to {where} broke before the answer was complete")
        return MailboxError(f"{where} cannot be reached (refused, no route, or unknown name)")


class Idle:
    """A folder that the server is to tell of changes in."""

    def __init__(self, mailbox: Mailbox, client: IMAPClient, renew_seconds: float) -> None:
        self._mailbox, self._client = mailbox, client
        self._renew_seconds = self._left = renew_seconds

    def wait(self, seconds: float) -> bool:
        """Whether something changed within so long. Raises MailboxError where the connection is gone."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._client.socket(), selectors.EVENT_READ)
                is_readable = bool(selector.select(seconds))
            if is_readable:
                said = self._client.idle_check(timeout=0)
                if not said:
                    raise EOFError
                return any(len(line) > 1 and line[1] in (b"EXISTS", b"EXPUNGE") for line in said)
            self._left -= seconds
            if self._left <= 0:
                # Servers end an idle connection after half an hour, and routers forget it sooner.
                self._client.idle_done()
                self._client.idle()
                self._left = self._renew_seconds
        except _FAILURES as error:
            self._mailbox.close()
            raise MailboxError(f"the connection to {self._mailbox.host} broke while it was idle") from error
        return False


def _utc(at: datetime) -> datetime | None:
    try:
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
