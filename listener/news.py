"""Waits that news can end: what a platform's stream offers to the loop that polls."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from listener.runner import Stop

GAP_SECONDS = 2.0
"""A burst of news asks for one poll, not for one each."""
_SLICE_SECONDS = 0.5


class News:
    """Wakes everybody who waits. Usable from any thread."""

    def __init__(self, index_seconds: float = 0.0) -> None:
        """`index_seconds` go by until a poll finds what the news tells of."""
        self._index_seconds = index_seconds
        self._lock = threading.Lock()
        self._woken: list[threading.Event] = []

    def waits(self, stop: Stop, interval_seconds: float) -> Stop:
        """A stop for `run_source` whose waits up to `interval_seconds` end with the next news.

        Longer waits are those that the platform has asked for: nothing shortens them.
        """
        woken = threading.Event()
        with self._lock:
            self._woken.append(woken)
        return _Waits(stop, woken, interval_seconds, self._index_seconds)

    def wake(self) -> None:
        with self._lock:
            for woken in self._woken:
                woken.set()


@dataclass(frozen=True, slots=True)
class _Waits:
    stop: Stop
    woken: threading.Event
    interval_seconds: float
    index_seconds: float

    def is_set(self) -> bool:
        return self.stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None or timeout > self.interval_seconds:
            return self.stop.wait(timeout)
        left, pause = timeout, min(GAP_SECONDS, timeout)
        while left > 0:
            if self.stop.wait(pause):
                return True
            left -= pause
            if self.woken.is_set():
                # Cleared first: what comes while the index catches up asks for another poll.
                self.woken.clear()
                return self.stop.wait(min(self.index_seconds, left)) if self.index_seconds else False
            pause = min(_SLICE_SECONDS, left)
        return self.stop.is_set()
