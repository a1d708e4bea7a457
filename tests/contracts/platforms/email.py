"""E-mail by real servers, see tests/fakes/email_server.py, each behind a proxy that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listener.platforms.email.account import Copies, EmailAccount, Security, Server
from listener.platforms.email.sender import EmailSender
from listener.platforms.email.source import EmailFeed, EmailSource
from tests.contracts.rig import Rig
from tests.fakes.clock import Clock, ServerClock
from tests.fakes.email_server import ADDRESS, MailServer, id_of_mail, mail
from tests.fakes.tcp_proxy import Answer, Break, Chunk, Cut, Instead, TcpProxy, Trouble
from tests.faults.mail import MailFaults

FEEDS = tuple(EmailFeed)


@contextmanager
def open_rig(feed: str, folder: Path) -> Iterator[Rig]:
    clock = Clock()
    times = ServerClock(clock)
    with (
        MailServer(times) as server,
        TcpProxy(server.imap_port) as imap,
        TcpProxy(server.smtp_port) as smtp,
    ):
        server.keeps_sent = True
        yield _rig(server, EmailFeed(feed), clock, MailFaults(imap, smtp, clock, times))


def _rig(server: MailServer, feed: EmailFeed, clock: Clock, faults: MailFaults) -> Rig:
    folder = "INBOX" if feed is EmailFeed.INBOX else "Sent"
    sender = "Ana <ana@mail.example>" if feed is EmailFeed.INBOX else ADDRESS

    def letter(number: int, text: str) -> bytes:
        return mail(text, number=number, sender=sender)

    letters = [letter(number, f"help {number}") for number in range(27)]
    letters[3] = b"X: " + b"x" * 300_000 + b"\r\n" + letters[3]
    letters[15] = b"Y: " + (b"y" * 900 + b"\r\n ") * 400 + b"\r\n" + letters[15]
    good = [raw for place, raw in enumerate(letters) if place not in {3, 15}]
    server.put(*letters, folder=folder)
    count = len(letters)

    def account() -> EmailAccount:
        return server.account(
            imap=Server("localhost", faults.imap.port, Security.PLAIN),
            smtp=Server("localhost", faults.smtp.port, Security.PLAIN),
            copies=Copies.SERVER,
        )

    def write(text: str) -> str:
        nonlocal count
        count += 1
        raw = letter(count, text)
        server.put(raw, folder=folder)
        return f"email:{id_of_mail(raw)}"

    troubles = iter(_TROUBLES)
    whole = faults.imap.trouble

    def break_it() -> None:
        trouble = next(troubles)
        faults.imap.trouble = lambda chunk: trouble(chunk) or whole(chunk)

    def mend_it() -> None:
        faults.imap.trouble = whole

    return Rig(
        platform="email",
        clock=clock,
        open_source=lambda: EmailSource(account(), feed=feed, now=clock, page_size=10, timeout_seconds=2),
        expected={f"email:{id_of_mail(raw)}" for raw in good},
        break_it=break_it,
        mend_it=mend_it,
        open_sender=lambda: EmailSender([account()], now=clock, timeout_seconds=2, answer_seconds=0.9),
        post=id_of_mail(good[0]),
        public=lambda: len(server.sent),
        write=write,
        faults=faults,
        handle=ADDRESS,
    )


def _no_bodies(chunk: Chunk) -> Trouble | None:
    return Break() if b"BODY.PEEK" in chunk.data else None


def _refusing(chunk: Chunk) -> Trouble | None:
    tag = chunk.data.split(b" ")[0]
    return Answer(tag + b" NO [UNAVAILABLE] later\r\n") if b"EXAMINE" in chunk.data else None


def _cutting(chunk: Chunk) -> Trouble | None:
    return None if chunk.upwards or b"BODY[]" not in chunk.data else Cut(chunk.data[:200])


def _babbling(chunk: Chunk) -> Trouble | None:
    return None if chunk.upwards or b"SEARCH" not in chunk.data else Instead(b"<!doctype html>\r\n" * 3)


_TROUBLES = (_no_bodies, _refusing, _cutting, _babbling)
