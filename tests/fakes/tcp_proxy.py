"""A TCP proxy in front of a real server, which breaks what a test tells it to.

It knows no protocol: a `trouble` is asked about each chunk that passes, and says what becomes of it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Self


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes on their way."""

    data: bytes
    upwards: bool
    """From the client to the server."""


@dataclass(frozen=True, slots=True)
class Break:
    """Reset the connection; with `after`, what was asked is done first, and its answer is lost."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class Swallow:
    """Nothing of this chunk arrives, and nothing more in either direction: the line is dead."""

    after: bool = False
    """Pass the chunk on first."""


@dataclass(frozen=True, slots=True)
class Instead:
    """Pass this on in the chunk's place."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Do not pass the chunk on; send this back."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """Pass this on, and reset the connection."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Late:
    """Pass the chunk on after so long."""

    seconds: float


Trouble = Break | Swallow | Instead | Answer | Cut | Late
_BUFFER_BYTES = 64 * 1024


@dataclass(slots=True)
class _Line:
    """One client's connection."""

    is_dead: bool = False
    is_doomed: bool = False
    """It breaks with the next answer."""


class TcpProxy:
    """Listens on loopback and passes on to `target`."""

    def __init__(self, target: int, trouble: Callable[[Chunk], Trouble | None] = lambda _: None) -> None:
        self.trouble = trouble
        self.connections = 0
        self.refuses = False
        """Whether new connections are cut off at once."""
        self._target = target
        self._closed = Event()
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(5)

    def cut(self) -> None:
        """Break every connection that is open."""
        with self._lock:
            sockets = list(self._open)
        for each in sockets:
            _reset(each)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuses:
                _reset(client)
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            line = _Line()
            for here, there, upwards in ((client, server, True), (server, client, False)):
                Thread(target=self._pump, args=(here, there, upwards, line), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket, upwards: bool, line: _Line) -> None:
        with suppress(OSError):
            while data := here.recv(_BUFFER_BYTES):
                if line.is_dead:
                    continue
                if line.is_doomed and not upwards:
                    _reset(here)
                    _reset(there)
                    break
                self._pass(self.trouble(Chunk(data, upwards)), data, here, there, line)
        for each in (here, there):
            with self._lock:
                self._open.discard(each)
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _pass(
        self, trouble: Trouble | None, data: bytes, here: socket.socket, there: socket.socket, line: _Line
    ) -> None:
        match trouble:
            case None:
                there.sendall(data)
            case Instead(other):
                there.sendall(other)
            case Answer(said):
                here.sendall(said)
            case Cut(part):
                there.sendall(part)
                # A reset would overtake what was sent.
                there.shutdown(socket.SHUT_WR)
                here.close()
            case Late(seconds):
                self._closed.wait(seconds)
                there.sendall(data)
            case Swallow(after):
                if after:
                    there.sendall(data)
                line.is_dead = True
            case Break(after=True):
                line.is_doomed = True
                there.sendall(data)
            case Break():
                _reset(here)
                _reset(there)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        connection.close()
