"""Time that passes thirty times as fast, in all processes of a soak alike."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from tests.fakes.clock import Clock

FACTOR = 30.0


class FastClock(Clock):
    """Real time at the moment `began` (seconds since 1970), and thirty times as fast from then on."""

    def __init__(self, began: float) -> None:
        super().__init__(datetime.fromtimestamp(began, UTC))
        self.began = began

    def __call__(self) -> datetime:
        return self.at + timedelta(seconds=(time.time() - self.began) * FACTOR)


class FastEvent(threading.Event):
    """An event on which nobody waits longer than that clock says."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / FACTOR)
