"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


class Clock:
    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class ServerClock(Clock):
    """A server's own clock: it goes as ours does, but may be set otherwise."""

    def __init__(self, ours: Clock) -> None:
        super().__init__(ours.at)
        self._ours = ours
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return self._ours() + self.ahead
