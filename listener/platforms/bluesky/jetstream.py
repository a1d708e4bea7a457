"""The connection to a Jetstream host: opened at a position, then read for as long as it lasts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect

from desk.errors import InputError
from desk.ports import Now
from listener.http import hush, retry_after_seconds
from listener.json_api import safe_url
from listener.platforms.bluesky.events import Wire
from listener.platforms.bluesky.ids import POSTS
from listener.text import one_line

MESSAGE_LIMIT_BYTES = 2_000_000
"""A record holds 1 MB at most (atproto, "Data Model")."""
QUEUE = 256
"""Messages read ahead; the host waits for the rest."""
V1_PATH = "/subscribe"
V2_PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
_NOT_THIS_WIRE = frozenset({404, 405, 410, 501})
_SCHEMES = {"wss": "https", "ws": "http", "https": "https", "http": "http"}


class JetstreamError(Exception):
    """The host gave no stream, or ended it. Never leaves the Bluesky modules."""

    def __init__(
        self, message: str, *, status: int | None = None, name: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.name, self.retry_after = status, name, retry_after


@dataclass(frozen=True, slots=True)
class Host:
    """One address of config.toml."""

    url: str
    """Scheme and authority, ws:// or wss://."""
    wire: Wire | None
    """None where the host has to be asked which it speaks."""

    @property
    def name(self) -> str:
        """Tells hosts apart: positions on the second wire mean nothing elsewhere."""
        return self.url.partition("://")[2]


def host_of(address: str) -> Host:
    """Read "wss://jetstream.example", "jetstream.example", or an address with one of the two paths.

    Raises InputError.
    """
    text = address.strip()
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "wss", text
    if scheme not in _SCHEMES:
        raise InputError(f'The Jetstream address "{address[:100]}" is none; it begins with wss://.')
    url = safe_url(f"{_SCHEMES[scheme]}://{rest}", "Jetstream")
    parts = urlsplit(url)
    wires = {"": None, V1_PATH: Wire.V1, V2_PATH: Wire.V2}
    if parts.path not in wires:
        raise InputError(
            f'The Jetstream address "{address[:100]}" has the path {parts.path}; leave the path out.'
        )
    return Host(f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}", wires[parts.path])


class Jetstream:
    """An open stream of posts. To be used by one thread."""

    def __init__(self, host: Host, wire: Wire, socket: ClientConnection, opened_us: int) -> None:
        self.host, self.wire, self.opened_us = host, wire, opened_us
        self._socket, self._heard = socket, time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """How long nothing has come."""
        return time.monotonic() - self._heard

    def receive(self, timeout_seconds: float) -> str | bytes | None:
        """The next message; None where none comes in time. Raises JetstreamError."""
        try:
            message = self._socket.recv(timeout=max(timeout_seconds, 0))
        except TimeoutError:
            return None
        except (ConnectionClosed, WebSocketException, OSError) as error:
            raise JetstreamError(f"the connection to {self.host.name} ended") from error
        self._heard = time.monotonic()
        return message

    def close(self) -> None:
        with suppress(WebSocketException, OSError):
            self._socket.close()


def open_stream(
    host: Host, wire: Wire | None, position: int | None, *, now: Now, timeout_seconds: float
) -> Jetstream:
    """Open at a position: a number of the second wire, a time in microseconds, or None for from now on.

    Where the wire is not known the second one is tried first: it tells when it has to leave something out.
    Raises JetstreamError.
    """
    hush("websockets")
    if wire is not None:
        return _open(host, wire, position, now, timeout_seconds)
    try:
        return _open(host, Wire.V2, position, now, timeout_seconds)
    except JetstreamError as error:
        if error.status not in _NOT_THIS_WIRE:
            raise
    return _open(host, Wire.V1, position, now, timeout_seconds)


def _open(host: Host, wire: Wire, position: int | None, now: Now, timeout_seconds: float) -> Jetstream:
    path, name = (V1_PATH, "wantedCollections") if wire is Wire.V1 else (V2_PATH, "collections")
    params: list[tuple[str, str | int]] = [(name, POSTS)]
    if position is not None:
        params.append(("cursor", position))
    try:
        socket = connect(
            f"{host.url}{path}?{urlencode(params)}",
            open_timeout=timeout_seconds,
            close_timeout=0.5,
            max_size=MESSAGE_LIMIT_BYTES,
            max_queue=QUEUE,
            user_agent_header="Answerback",
            # Nothing of the environment may send the traffic elsewhere.
            proxy=None,
            legacy=True,
        )
    except InvalidStatus as error:
        raise _refusal(host, error, now) from error
    except (InvalidHandshake, InvalidURI, WebSocketException, OSError, EOFError) as error:
        kind = "did not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
        raise JetstreamError(f"{host.name} {kind}") from error
    assert isinstance(socket, ClientConnection), "legacy says so"  # noqa: S101
    return Jetstream(host, wire, socket, int(now().timestamp() * 1_000_000))


def _refusal(host: Host, error: InvalidStatus, now: Now) -> JetstreamError:
    response = error.response
    try:
        data: Any = json.loads(response.body or b"")
    except (ValueError, RecursionError):
        data = None
    said: Mapping[str, Any] = data if isinstance(data, dict) else {}
    name, words = said.get("error"), said.get("message")
    detail = one_line("; ".join(part for part in (name, words) if isinstance(part, str)), 300)
    wait = retry_after_seconds(response.headers.get("Retry-After"), now())
    return JetstreamError(
        f"{host.name} answered {response.status_code}" + (f": {detail}" if detail else ""),
        status=response.status_code,
        name=name if isinstance(name, str) else "",
        retry_after=wait,
    )
