"""An HTTP server in a thread, with faults that a test orders."""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self

PATIENCE_SECONDS = 3
"""How long a fake's client waits: a busy machine may take a second to answer, and a `Hang` costs it all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to send as it is."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Send only half of the body, under the whole one's length."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection; with `after` the request has had its effect by then."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Give no answer until the server stops; with `after` the request has had its effect by then."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class Slow:
    """Give the right answer so much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Changed:
    """Give the right answer, but changed on its way."""

    change: Callable[[Answer], Answer]


Fault = Answer | Reset | Hang | Slow | Changed


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError | ValueError):  # a connection that a fault broke
            super().handle_error(request, client_address)


class Loopback:
    """Base of the fakes: routes a request to `respond`, or does the next fault for its path."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        """Method and path with query, in order."""
        self.lock = Lock()
        self.trouble: Callable[[str, str], Fault | None] = lambda _method, _path: None
        """What is wrong with a request while something is, asked for each one by method and path."""
        self._faults: dict[str, deque[Fault]] = {}
        self._released = Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body go out apart: otherwise each body waits for the acknowledgement of its head.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                fake._serve(self)

            def do_POST(self) -> None:
                fake._serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests whose path begins so fail in this order; then all is well again."""
        self._faults.setdefault(path, deque()).extend(faults)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        raise NotImplementedError

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self.lock:
            self.requests.append((handler.command, handler.path))
            waiting = next((f for p, f in self._faults.items() if handler.path.startswith(p) and f), None)
            fault = waiting.popleft() if waiting else self.trouble(handler.command, handler.path)
            if not isinstance(fault, Answer | Reset | Hang) or getattr(fault, "after", False):
                answer = self.respond(handler.command, handler.path, headers, body)
            if isinstance(fault, Changed):
                answer = fault.change(answer)
            if isinstance(fault, Answer):
                answer = fault
        match fault:
            case Reset():
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                handler.connection.close()
                handler.close_connection = True
            case Hang():
                self._released.wait(30)
                handler.close_connection = True
            case Slow():
                self._released.wait(fault.seconds)
                _send(handler, answer)
            case _:
                _send(handler, answer)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    handler.send_response(answer.status)
    handler.send_header("Content-Length", str(len(content)))
    handler.send_header("Content-Type", "application/json")
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    if answer.cut:
        content = content[: len(content) // 2]
        handler.close_connection = True
    handler.wfile.write(content)
