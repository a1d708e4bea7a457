"""A Jetstream host on loopback, in either of its two wires, with the habits that it documents."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Condition, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.fakes.clock import Clock
from tests.fakes.loopback import Answer, Fault, Slow

V1, V2 = "/subscribe", "/xrpc/network.bsky.jetstream.subscribeEvents"
_IS_TIME = 10**15
"""A cursor from here on is a time in microseconds, below it the host's own number."""


class FakeJetstream:
    """Keeps events, and sends them to whoever asks: from a position, then as they come."""

    def __init__(self, clock: Clock, *, wires: tuple[str, ...] = (V1, V2)) -> None:
        self.clock, self.wires = clock, wires
        self.events: list[dict[str, Any] | str] = []
        """In the first wire's words, with `seq` beside them; or a message to be sent as it is."""
        self.oldest = 0
        """Number of the first event that is still kept."""
        self.opened: list[str] = []
        """Path and query of the connections, in order."""
        self.refuse: Answer | None = None
        """How connections are refused at present."""
        self.trouble: Callable[[str, str], Fault | None] = lambda _method, _path: None
        self.connections: set[ServerConnection] = set()
        self._news = Condition()
        self._stopped = False
        self._server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._greet,
            compression=None,
            ping_interval=None,
            close_timeout=0.1,
        )
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._news:
            self._stopped = True
            self._news.notify_all()
        self.drop()
        self._server.shutdown()

    def tell(self, event: dict[str, Any]) -> None:
        """Something happens on the network, now. Times differ, as they do on a host."""
        with self._news:
            number = len(self.events)
            time_us = int(self.clock().timestamp() * 1_000_000) + number
            self.events.append({"time_us": time_us, "seq": number + 1} | event)
            self._news.notify_all()

    def say(self, message: str) -> None:
        """Send this as it is, between what is told before and after it."""
        with self._news:
            self.events.append(message)
            self._news.notify_all()

    def drop(self) -> None:
        """End all connections without a farewell."""
        for connection in list(self.connections):
            _cut(connection)

    def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        self.opened.append(request.path)
        parts = urlsplit(request.path)
        fault = self.refuse or self.trouble("GET", request.path)
        if isinstance(fault, Answer):
            return _response(fault.status, fault.body, fault.headers)
        if fault is not None and not isinstance(fault, Slow):
            _cut(connection)
            return None
        if parts.path not in self.wires:
            return _response(404, {"error": "NotFound"}, {})
        cursor = _cursor(request.path)
        if parts.path == V2 and cursor is not None and cursor < _IS_TIME and cursor <= self.oldest:
            reason = {"error": "CursorTooOld", "message": f"the floor is {self.oldest + 1}"}
            return _response(400, reason, {})
        return None

    def _serve(self, connection: ServerConnection) -> None:
        self.connections.add(connection)
        assert connection.request is not None
        path = connection.request.path
        wire, cursor = urlsplit(path).path, _cursor(path)
        with self._news:
            at = self._begin(cursor)
        try:
            for notice in self._notices(wire, cursor, at):
                connection.send(json.dumps(_message({"$type": "#info"} | notice)))
            while True:
                with self._news:
                    while at >= len(self.events) and not self._stopped:
                        self._news.wait()
                    if self._stopped:
                        return
                    event, at = self.events[at], at + 1
                fault = self.trouble("GET", wire)
                if fault is not None and not isinstance(fault, Slow):
                    _cut(connection)
                    return
                connection.send(event if isinstance(event, str) else json.dumps(_worded(event, wire)))
        except (ConnectionClosed, OSError):
            return

    def _begin(self, cursor: int | None) -> int:
        """Where in the list a stream begins."""
        if cursor is None or (cursor < _IS_TIME and cursor > len(self.events) + 1):
            return len(self.events)
        name = "time_us" if cursor >= _IS_TIME else "seq"
        wanted = (
            at
            for at, event in enumerate(self.events)
            if at >= self.oldest and isinstance(event, dict) and event[name] >= cursor
        )
        begin = next(wanted, len(self.events))
        # What was said just before belongs to the stretch that is asked for.
        while begin > self.oldest and isinstance(self.events[begin - 1], str):
            begin -= 1
        return begin

    def _notices(self, wire: str, cursor: int | None, at: int) -> list[dict[str, Any]]:
        if wire == V1 or cursor is None:
            return []
        if cursor < _IS_TIME:
            return [{"name": "FutureCursor"}] if cursor > len(self.events) + 1 else []
        before = self.events[self.oldest - 1] if self.oldest else None
        cut = isinstance(before, dict) and before["time_us"] >= cursor
        return [{"name": "OutdatedCursor"}] if cut else []


def _cut(connection: ServerConnection) -> None:
    with suppress(OSError):  # gone already
        connection.socket.shutdown(socket.SHUT_RDWR)


def _cursor(path: str) -> int | None:
    values = parse_qs(urlsplit(path).query).get("cursor")
    return int(values[0]) if values else None


def _worded(event: dict[str, Any], wire: str) -> dict[str, Any]:
    if wire == V1:
        return {name: value for name, value in event.items() if name != "seq"}
    at = datetime.fromtimestamp(event["time_us"] / 1_000_000, tz=UTC)
    common = {"seq": event["seq"], "did": event["did"], "time": at.isoformat(timespec="microseconds")}
    kind = event["kind"]
    inner = event["commit"] if kind == "commit" else {kind: event[kind]}
    return _message({"$type": f"network.bsky.jetstream.subscribeEvents#{kind}"} | common | inner)


def _message(payload: dict[str, Any]) -> dict[str, Any]:
    if payload["$type"].startswith("#"):
        payload |= {"$type": f"network.bsky.jetstream.subscribeEvents{payload['$type']}"}
    return {"$type": "message", "payload": payload}


def _response(status: int, body: Any, headers: dict[str, str]) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = Headers(headers | {"Content-Length": str(len(content)), "Connection": "close"})
    return Response(status, HTTPStatus(status).phrase, fields, content)
