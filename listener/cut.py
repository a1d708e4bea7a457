"""Ends a read that blocks for as long as the other side is silent, once it is time to stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from listener.runner import Stop


class Cut:
    """Shuts one connection after the other down when `stop` is set."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._stopped = False
        self._socket: socket.socket | None = None
        threading.Thread(target=self._wait, name="cut on stop", daemon=True).start()

    @contextmanager
    def reading(self, connection: socket.socket | None) -> Iterator[None]:
        """While it lasts, the stop ends reads of this connection.

        One that was opening when the stop came is shut down at once.
        """
        with self._lock:
            self._socket = connection
            self._shut()
        try:
            yield
        finally:
            with self._lock:
                self._socket = None

    def _wait(self) -> None:
        self._stop.wait()
        with self._lock:
            self._stopped = True
            self._shut()

    def _shut(self) -> None:
        if self._stopped and self._socket is not None:
            with suppress(OSError):  # broken already
                # By its base class: a TLS socket's own method would forget its encryption first.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
