"""The faults of the matrix for a fake that speaks HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any
from unittest.mock import patch

from tests.fakes.clock import Clock, ServerClock
from tests.fakes.loopback import Answer, Changed, Fault, Hang, Loopback, Reset, Slow
from tests.faults.kinds import FEW, Kind

FEW_REQUESTS = 3
SKEW = timedelta(hours=5)
_HTML = b"<!doctype html><title>503</title><h1>Service Unavailable</h1>"
_REASON = {"title": "No", "detail": "as ordered by a test", "error": "as ordered by a test"}


@dataclass
class HttpFaults:
    """Breaks a Loopback fake. Bodies are changed only in pages of posts; all else goes wrong everywhere."""

    server: Loopback
    clock: Clock
    """Ours."""
    is_page: Callable[[str, str], bool]
    """Whether a request, by method and path, asks for a page of posts."""
    is_write: Callable[[str, str], bool] = lambda _method, _path: False
    """Whether a request publishes a reply."""
    times: ServerClock | None = None
    """The fake's clock, where it has one of its own."""
    endless: Callable[[Any, int], Any] | None = None
    """A page's body with a next token that was not there before, named by a number; None where pages are
    not linked by tokens."""
    rewrite: Mapping[Kind, Callable[[bytes], bytes]] = field(default_factory=dict)
    """The faults inside of pages, for pages that are no JSON."""
    no_meaning: Mapping[Kind, str] = field(default_factory=dict)

    hits: int = 0
    """Requests that met a fault so far."""

    def __post_init__(self) -> None:
        self._random = Random(7)  # noqa: S311
        self._kind: Kind | None = None
        self._until = self.clock()
        self._met = 0
        self._awaits_write = False
        self._befores: dict[str, Answer | None] = {}
        """A page that was right, by the address without its parameters."""
        self._no_names: Any = None

    @property
    def requests(self) -> int:
        return len(self.server.requests)

    def meaningless(self, kind: Kind) -> str:
        if kind is Kind.ENDLESS and self.endless is None:
            return "its pages are not linked by tokens"
        if kind in {Kind.AHEAD, Kind.BEHIND} and self.times is None:
            return "its posts carry no time of the server"
        return self.no_meaning.get(kind, "")

    def begin(self, kind: Kind, seconds: float, *, with_a_write: bool = False) -> datetime:
        self._kind, self._met, self._befores, self._awaits_write = kind, 0, {}, with_a_write
        if kind is Kind.UNKNOWN_NAME:
            self._no_names = patch("socket.getaddrinfo", self._look_up(socket.getaddrinfo))
            self._no_names.start()
        if self.times is not None and kind is Kind.AHEAD:
            self.times.ahead += SKEW
        if self.times is not None and kind is Kind.BEHIND:
            # A server's clock does not run backwards: ours is the one that jumps.
            self.clock.advance(SKEW.total_seconds())
            self.times.ahead -= SKEW
        # In whole seconds, as headers and stores count.
        self._until = self.clock().replace(microsecond=0) + timedelta(seconds=seconds)
        self.server.trouble = self._trouble
        return self._until

    def end(self) -> None:
        self._kind = None
        if self._no_names is not None:
            self._no_names.stop()
            self._no_names = None

    def _look_up(self, resolver: Callable[..., Any]) -> Callable[..., Any]:
        """A resolver that knows no name while the fault lasts."""

        def look_up(*args: Any, **options: Any) -> Any:
            if self._kind is Kind.UNKNOWN_NAME and self.clock() < self._until:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return resolver(*args, **options)

        return look_up

    def _trouble(self, method: str, path: str) -> Fault | None:
        kind = self._kind
        if kind is None or self.clock() >= self._until:
            return None
        writes = self.is_write(method, path)
        if self._awaits_write and not writes:
            return None
        self._awaits_write = False
        self._met += 1
        self.hits += 1
        if kind in FEW and self._met > FEW_REQUESTS:
            return None
        if writes and kind in {Kind.WRONG_PAGE, Kind.WRONG_FIELDS}:
            return Changed(lambda answer: replace(answer, body=_wrong(kind, answer.body, inside=True)))
        if kind in _BODIES:
            address = path.partition("?")[0]
            return (
                Changed(lambda answer: self._changed(kind, answer, address))
                if self.is_page(method, path)
                else None
            )
        return self._plain(kind)

    def _plain(self, kind: Kind) -> Fault | None:
        match kind:
            case Kind.SLOW:
                return Slow(0.1)
            case Kind.TOO_SLOW:
                return Hang(after=True)
            case Kind.RESET_BEFORE | Kind.UNKNOWN_NAME:  # what is still connected loses its connection
                return Reset()
            case Kind.RESET_AFTER:
                return Reset(after=True)
            case Kind.STATUS_503:
                return Answer(503, _HTML, {"Content-Type": "text/html"})
            case Kind.CUT:
                return Changed(lambda answer: replace(answer, cut=True))
            case Kind.HALF:
                return Changed(lambda answer: replace(answer, body=_half(answer.body)))
            case Kind.AHEAD | Kind.BEHIND:
                return None
            case _ if kind.startswith("429"):
                return Answer(429, _REASON, self._announced(kind))
        return Answer(int(kind), _REASON)

    def _announced(self, kind: Kind) -> dict[str, str]:
        left = (self._until - self.clock()).total_seconds()
        match kind:
            case Kind.LIMIT_SECONDS:
                return {"Retry-After": f"{left:.0f}"}
            case Kind.LIMIT_DATE:
                return {"Retry-After": format_datetime(self._until, usegmt=True)}
            case Kind.LIMIT_EPOCH:
                reset = f"{self._until.timestamp():.0f}"
            case Kind.LIMIT_ISO:
                reset = self._until.isoformat().replace("+00:00", "Z")
            case Kind.LIMIT_TO_GO:
                reset = f"{left:.0f}"
            case Kind.LIMIT_GARBAGE:
                return {"Retry-After": "soon", "x-rate-limit-reset": "-inf", "X-RateLimit-Reset": "\x7f1e999"}
            case _:
                return {}
        # X and Mastodon hyphenate differently; the IETF's draft drops the X.
        return dict.fromkeys(("x-rate-limit-reset", "X-RateLimit-Reset", "RateLimit-Reset"), reset)

    def _changed(self, kind: Kind, answer: Answer, address: str) -> Answer:
        before = self._befores.get(address)
        self._befores[address] = before or answer
        match kind:
            case Kind.TWICE:
                # Every second request gets the page before it once more.
                self._befores[address] = None if before else answer
                return before or answer
            case Kind.SAME_FOR_EVER:
                return before or answer
        body = answer.body
        if not body or answer.status != 200:
            return answer
        if kind in self.rewrite:
            return replace(answer, body=self.rewrite[kind](body))
        if kind is Kind.ENDLESS and self.endless is not None:
            return replace(answer, body=self.endless(before.body if before else body, self._met))
        if isinstance(body, bytes):
            body = json.loads(body)
        match kind:
            case Kind.WRONG_PAGE | Kind.WRONG_FIELDS:
                body = _wrong(kind, body, inside=False)
            case Kind.OUT_OF_ORDER:
                body = self._shuffled(body)
        return replace(answer, body=body)

    def _shuffled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._shuffled(inner) for name, inner in value.items()}
        if isinstance(value, list) and len(value) > 3:
            return self._random.sample(value, len(value))
        return value


_BODIES = frozenset(
    {
        Kind.WRONG_PAGE,
        Kind.WRONG_FIELDS,
        Kind.TWICE,
        Kind.OUT_OF_ORDER,
        Kind.SAME_FOR_EVER,
        Kind.ENDLESS,
    }
)
"""Faults of the pages alone."""


def _half(body: Any) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return content[: len(content) // 2]


def _wrong(kind: Kind, body: Any, *, inside: bool) -> Any:
    return _wrong_page(body) if kind is Kind.WRONG_PAGE else _wrong_fields(body, inside=inside)


def _wrong_page(body: Any) -> Any:
    """Every list is an object, and the other way round."""
    if isinstance(body, list):
        return {"0": body}
    if isinstance(body, dict):
        return {name: 7 if isinstance(value, list | dict) else [value] for name, value in body.items()}
    return [body]


def _wrong_fields(value: Any, *, inside: bool) -> Any:
    """In every record, a text is a list and a number is a text; the page around them is as it should be."""
    if isinstance(value, list):
        return [_wrong_fields(inner, inside=True) for inner in value]
    if isinstance(value, dict):
        return {name: _wrong_fields(inner, inside=inside) for name, inner in value.items()}
    if not inside:
        return value
    return [value] if isinstance(value, str) else str(value)
