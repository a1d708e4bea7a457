"""A real IMAP server (pymap, in memory) and a real SMTP server (aiosmtpd), on loopback in one thread.

What is sent over SMTP is kept; mail to the mailbox's own address is put into its INBOX, and, where the server
is told so, all that is sent into its folder of sent mail, as some providers do.
"""

from __future__ import annotations

import asyncio
import imaplib
import socket
import ssl
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pydantic import SecretStr
from pymap.backend.dict import Config, DictBackend, Login
from pymap.imap import IMAPServer
from pysasl.hashing import Cleartext

from listener.platforms.email.account import EmailAccount, Security, Server
from listener.platforms.email.letter import read_letter

ADDRESS = "help@fernway.example"
PASSWORD = "correct horse"


class _Config(Config):
    @property
    def greeting(self) -> bytes:
        return b"ready"  # without a look-up of this machine's name


class _SameName(SMTP):
    def __init__(self, *args: Any, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a password without TLS: this is loopback
            super().__init__(*args, hostname="localhost", **options)


class MailServer:
    def __init__(self, now: Callable[[], datetime], *, tls: tuple[Path, Path] | None = None) -> None:
        """`tls`: files of a certificate and its key, for both servers."""
        self.now = now
        self.sent: list[tuple[list[str], bytes]] = []
        """What was accepted over SMTP: recipients and mail."""
        self.keeps_sent = False
        self.refuses: list[str] = []
        """Answers to the next mails, such as "550 no such user"; they are then not taken."""
        self.imap_port = self.smtp_port = 0
        self._tls = tls
        self._lock = Lock()
        self._ready, self._loop = Event(), asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._config: Config | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        with self.connected() as client:
            client.create("Sent")
        asyncio.run_coroutine_threadsafe(self._count_from_one(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def account(self, **changes: Any) -> EmailAccount:
        facts: dict[str, Any] = {
            "brand": "fernway",
            "address": ADDRESS,
            "imap": Server("127.0.0.1", self.imap_port, Security.PLAIN),
            "smtp": Server("127.0.0.1", self.smtp_port, Security.PLAIN),
            "username": ADDRESS,
            "password": SecretStr(PASSWORD),
        }
        return EmailAccount(**facts | changes)

    @contextmanager
    def connected(self) -> Iterator[imaplib.IMAP4]:
        """Another mail program that uses the mailbox."""
        with imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=10) as client:
            # What is sent in several pieces would wait for the server's word on each.
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                client.starttls(ssl._create_unverified_context())  # noqa: S323
            client.login(ADDRESS, PASSWORD)
            yield client

    def put(self, *mails: bytes, folder: str = "INBOX", at: datetime | None = None) -> list[int]:
        """Mails that come into a folder; their UIDs."""
        when = imaplib.Time2Internaldate(at or self.now())
        uids = []
        with self.connected() as client:
            for mail in mails:
                said = client.append(folder, "", when, mail)[1][0]
                uids.append(int(said.split(b"]")[0].split()[-1]))
        return uids

    def move(self, uid: int, folder: str, to: str | None = None) -> None:
        """What somebody does with a mail in a mail program: move it, or delete it for good."""
        with self.connected() as client:
            client.select(folder)
            if to is not None:
                client.create(to)
                client.uid("COPY", str(uid), to)
            client.uid("STORE", str(uid), "+FLAGS", r"(\Deleted)")
            client.expunge()

    def number_anew(self, folder: str, *, keep: bool = True) -> None:
        """The folder is made again: other UIDs, another UIDVALIDITY, and its mails or none."""
        with self.connected() as client:
            client.rename(folder, "Old")
            client.create(folder)
            if keep:
                client.select("Old")
                client.copy("1:*", folder)
                client.select("INBOX")
            client.delete("Old")

    def flags(self, folder: str = "INBOX") -> list[bytes]:
        with self.connected() as client:
            client.select(folder, readonly=True)
            return [line for line in client.fetch("1:*", "(FLAGS)")[1] if isinstance(line, bytes)]

    def count(self, folder: str) -> int:
        with self.connected() as client:
            return int(client.select(f'"{folder}"', readonly=True)[1][0] or 0)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return self.refuses.pop(0)
        raw = bytes(envelope.content or b"")
        with self._lock:
            self.sent.append((list(envelope.rcpt_tos), raw))
        if self.keeps_sent:
            await asyncio.to_thread(self.put, raw, folder="Sent")
        if ADDRESS in envelope.rcpt_tos:
            await asyncio.to_thread(self.put, raw)
        return "250 taken"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, who: Any
    ) -> AuthResult:
        good = isinstance(who, LoginPassword) and (who.login, who.password) == (
            ADDRESS.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=good, handled=False)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _count_from_one(self) -> None:
        """pymap's folders begin with UID 101; those of most servers with 1."""
        assert self._config is not None
        folders, _ = self._config.set_cache[ADDRESS]
        for name in ("INBOX", "Sent"):
            (await folders.get_mailbox(name))._max_uid = 0

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        cert, key = (None, None) if self._tls is None else map(str, self._tls)
        args = Namespace(
            host=None, port="0", cert=cert, key=key, tls=self._tls is not None, proxy_protocol=None,
            debug=False, passlib_cfg=None, demo_data=False, demo_user=ADDRESS, demo_password=PASSWORD,
        )  # fmt: skip
        # Hashing a password, as a server should, takes longer than all else here.
        config = _Config.from_args(args, invalid_user_sleep=0.0, hash_context=Cleartext())
        config.apply_context()
        self._config = config
        login = Login(config)
        await DictBackend._add_demo_user(config, login)
        context = None
        if self._tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert or "", key)
        async with AsyncExitStack() as stack:
            reader = ProxyProtocolReader(ProxyProtocolNoop())
            imap = await asyncio.start_server(
                reader.get_callback(IMAPServer(login, config)), "127.0.0.1", 0, limit=2**24
            )
            smtp = await self._loop.create_server(
                lambda: _SameName(
                    self,
                    authenticator=self._authenticate,
                    auth_required=True,
                    auth_require_tls=False,
                    tls_context=context,
                    enable_SMTPUTF8=True,
                    loop=self._loop,
                ),
                "127.0.0.1",
                0,
            )
            for server in (imap, smtp):
                stack.callback(server.close)
            self.imap_port = imap.sockets[0].getsockname()[1]
            self.smtp_port = smtp.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def id_of_mail(raw: bytes) -> str:
    """External id that a mail gets."""
    letter = read_letter(raw)
    return f"{ADDRESS}/{letter.message_id or ''}/{letter.fingerprint}"


def mail(
    text: str = "It broke.",
    *,
    number: int | str = 1,
    sender: str = "Ana <ana@mail.example>",
    subject: str = "Help",
    answers: str | None = None,
    references: str | None = None,
    message_id: str | None = "",
    **fields: str,
) -> bytes:
    """A plain mail. `message_id`: None for a mail without one, and one made of the number by default."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ADDRESS
    message["Subject"] = subject
    message["Date"] = "Tue, 10 Mar 2026 08:30:00 +0000"
    if message_id is not None:
        message["Message-ID"] = message_id or f"<m{number}@mail.example>"
    if answers is not None:
        message["In-Reply-To"] = answers
    if references is not None:
        message["References"] = references
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes(policy=SMTP_LINES)
