"""The faults of the matrix for servers that speak IMAP and SMTP, by proxies in front of them."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from tests.fakes.clock import Clock, ServerClock
from tests.fakes.tcp_proxy import Answer, Break, Chunk, Cut, Instead, Late, Swallow, TcpProxy, Trouble
from tests.faults.kinds import ANNOUNCED, FEW, Kind

FEW_REQUESTS = 3
SKEW = timedelta(hours=5)
_HTML = b"HTTP/1.1 503 Service Unavailable\r\n\r\n<!doctype html><h1>503</h1>\r\n"
_COMMAND = re.compile(rb"(\S+) (?:UID )?([A-Za-z]+)")
_FOUND = re.compile(rb"(?<=\* SEARCH)((?: \d+)+)")

_IMAP_SAYS = {
    Kind.STATUS_401: ({b"LOGIN", b"AUTHENTICATE"}, b"NO [AUTHENTICATIONFAILED] wrong"),
    Kind.STATUS_403: ({b"EXAMINE", b"LOGIN"}, b"NO [NOPERM] not yours"),
    Kind.STATUS_404: ({b"EXAMINE"}, b"NO [NONEXISTENT] no such folder"),
    Kind.STATUS_422: ({b"SEARCH", b"FETCH"}, b"BAD what?"),
    Kind.LIMIT_BARE: ({b"LOGIN", b"AUTHENTICATE"}, b"NO [LIMIT] too many connections"),
    Kind.LIMIT_GARBAGE: ({b"SEARCH", b"FETCH", b"EXAMINE"}, b"NO [LIMIT soon] \x1b[31m\xff"),
    Kind.STATUS_500: ({b"EXAMINE", b"SEARCH", b"FETCH", b"LIST"}, b"NO [SERVERBUG] oops"),
}
_SMTP_SAYS = {
    Kind.STATUS_401: (b"AUTH", b"535 5.7.8 wrong"),
    Kind.STATUS_403: (b"MAIL", b"550 5.7.1 not yours"),
    Kind.STATUS_404: (b"RCPT", b"550 5.1.1 no such user"),
    Kind.STATUS_422: (b"DATA", b"554 5.6.0 not like that"),
    Kind.LIMIT_BARE: (b"MAIL", b"451 4.7.0 slow down"),
    Kind.LIMIT_GARBAGE: (b"RCPT", b"450 \x1b[31m\xff"),
    Kind.STATUS_500: (b"MAIL", b"421 4.3.0 oops"),
}


@dataclass
class MailFaults:
    """Breaks both proxies. What stands in answers is changed only for IMAP, which brings the mails."""

    imap: TcpProxy
    smtp: TcpProxy
    clock: Clock
    times: ServerClock

    def __post_init__(self) -> None:
        self._kind: Kind | None = None
        self._awaits_write = False
        self._until = self.clock()
        self._met = self._requests = 0
        self._first: bytes | None = None
        self._no_names: Any = None
        self.imap.trouble = self._for_imap
        self.smtp.trouble = self._for_smtp

    @property
    def requests(self) -> int:
        return self._requests

    def meaningless(self, kind: Kind) -> str:
        if kind in ANNOUNCED:
            return "mail servers do not say when a limit ends"
        if kind is Kind.HALF:
            return "an answer says how long it is: see what is cut off"
        if kind is Kind.ENDLESS:
            return "its pages are not linked by tokens"
        return "mail servers know no such answer" if kind is Kind.STATUS_409 else ""

    def begin(self, kind: Kind, seconds: float, *, with_a_write: bool = False) -> datetime:
        self._kind, self._met, self._first, self._awaits_write = kind, 0, None, with_a_write
        if kind is Kind.UNKNOWN_NAME:
            self._no_names = patch("socket.getaddrinfo", self._look_up(socket.getaddrinfo))
            self._no_names.start()
        if kind is Kind.AHEAD:
            self.times.ahead += SKEW
        if kind is Kind.BEHIND:
            self.clock.advance(SKEW.total_seconds())
            self.times.ahead -= SKEW
        self._until = self.clock().replace(microsecond=0) + timedelta(seconds=seconds)
        if not with_a_write:
            self.imap.cut()
        return self._until

    def end(self) -> None:
        self._kind = None
        if self._no_names is not None:
            self._no_names.stop()
            self._no_names = None

    def _look_up(self, resolver: Callable[..., Any]) -> Callable[..., Any]:
        """A resolver that does not know the servers' name; a test knows them by their number."""

        def look_up(*args: Any, **options: Any) -> Any:
            if args[0] == "localhost" and self._kind is Kind.UNKNOWN_NAME and self.clock() < self._until:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return resolver(*args, **options)

        return look_up

    def _current(self, chunk: Chunk) -> Kind | None:
        self._requests += chunk.upwards
        if self._kind is None or self.clock() >= self._until:
            return None
        if self._awaits_write:
            if not _is_write(chunk):
                return None
            self._awaits_write = False
        if chunk.upwards:
            self._met += 1
        if self._kind in FEW and self._met > FEW_REQUESTS:
            return None
        return self._kind

    def _for_imap(self, chunk: Chunk) -> Trouble | None:
        kind = self._current(chunk)
        if kind is None:
            return None
        if chunk.upwards:
            verb, tag = _verb(chunk.data)
            verbs, answer = _IMAP_SAYS.get(kind, (set(), b""))
            if verb in verbs:
                return Answer(tag + b" " + answer + b"\r\n")
            return _broken(kind)
        return self._answered(kind, chunk.data)

    def _for_smtp(self, chunk: Chunk) -> Trouble | None:
        kind = self._current(chunk)
        if kind is None:
            return None
        if not chunk.upwards:
            return Instead(_HTML) if kind is Kind.STATUS_503 else None
        verb, answer = _SMTP_SAYS.get(kind, (b"", b""))
        if verb and (chunk.data.upper().startswith(verb) or _is_write(chunk)):
            return Answer(answer + b"\r\n")
        if kind in {Kind.RESET_AFTER, Kind.CUT}:
            # What comes before is a conversation that the server has no memory of.
            return Break(after=True) if _is_write(chunk) else None
        return _broken(kind)

    def _answered(self, kind: Kind, data: bytes) -> Trouble | None:
        match kind:
            case Kind.STATUS_503:
                return Instead(_HTML)
            case Kind.CUT:
                return Cut(data[: len(data) // 2])
            case Kind.WRONG_PAGE:
                return Instead(data.replace(b" FETCH (", b" FETCH [").replace(b"* SEARCH", b"* SEARCH x"))
            case Kind.WRONG_FIELDS:
                wrong = re.sub(rb"(RFC822.SIZE|UIDVALIDITY) \d+", rb"\1 many", data)
                return Instead(wrong.replace(b"INTERNALDATE ", b"INTERNALDATE x"))
            case Kind.TWICE:
                return Instead(_FOUND.sub(rb"\1\1", data))
            case Kind.OUT_OF_ORDER:
                return Instead(_FOUND.sub(lambda found: b" " + b" ".join(reversed(found[1].split())), data))
            case Kind.SAME_FOR_EVER:
                return Instead(_FOUND.sub(self._same, data))
        return None

    def _same(self, found: re.Match[bytes]) -> bytes:
        self._first = self._first or found[1]
        return self._first


def _broken(kind: Kind) -> Trouble | None:
    match kind:
        case Kind.SLOW:
            return Late(0.1)
        case Kind.TOO_SLOW:
            return Swallow(after=True)
        case Kind.RESET_BEFORE | Kind.UNKNOWN_NAME:
            return Break()
        case Kind.RESET_AFTER:
            return Break(after=True)
    return None


def _is_write(chunk: Chunk) -> bool:
    """The end of a mail that is handed over: with it, it is sent."""
    return chunk.upwards and chunk.data.endswith(b"\r\n.\r\n")


def _verb(data: bytes) -> tuple[bytes, bytes]:
    found = _COMMAND.match(data)
    return (found[2].upper(), found[1]) if found else (b"", b"")
