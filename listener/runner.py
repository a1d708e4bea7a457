"""The loop of a source's thread: fetch, hand over, wait, and never fall silent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from desk.errors import DeskError, SourceError
from desk.ports import Batch, Now, Source

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
PERMANENT_RETRY_SECONDS = 900.0
"""A wrong token can be put right without a restart, so it is tried again, but slowly."""
KNOWN_BATCHES = 40
"""As many batches in a row may bring only what is known. More pages than any platform's longest timeline has
(3,200 posts, X) mean a server whose pages never end: the loop then asks on at the pace of its interval."""


class Running(StrEnum):
    OK = "ok"
    BACKING_OFF = "backing_off"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source is doing, for the status line and for an alert that it has fallen silent."""

    source: str
    state: Running = Running.OK
    last_success_at: datetime | None = None
    last_error: str = ""
    """Empty while all is well."""
    consecutive_failures: int = 0
    permanent: bool = False
    """A person has to change something."""
    retry_at: datetime | None = None


class Stop(Protocol):
    """The part of `threading.Event` that the loop uses."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


def run_source(
    source: Source,
    record: Callable[[Batch], object],
    load_cursor: Callable[[], str | None],
    stop: Stop,
    on_state: Callable[[SourceState], None],
    *,
    now: Now,
    random: Callable[[], float],
) -> None:
    """Run until `stop` is set. `random` gives numbers in [0, 1), for the jitter.

    `record` stores a batch together with its cursor, and returns False where nothing of it was new.
    `load_cursor` says what is stored, and is asked before every fetch, so that after any failure the stored
    cursor decides. A DeskError of any of the three is reported and tried again. Anything else is a defect:
    it is reported as a stop and raised on.
    """
    state = SourceState(source.name)
    known = 0
    said_goodbye = False
    try:
        while not stop.is_set():
            try:
                cursor = load_cursor()
                batch = source.fetch(cursor)
                known = known + 1 if record(batch) is False else 0
            except DeskError as error:
                state, wait = _failed(state, error, now(), random())
                _tell(on_state, state)
            else:
                state = SourceState(source.name, last_success_at=now())
                _tell(on_state, state)
                # A source that promises more but does not move on, or goes in circles, must not spin.
                moves_on = batch.cursor not in (None, cursor) and known < KNOWN_BATCHES
                wait = 0.0 if batch.more and moves_on else source.interval_seconds
            if wait:
                stop.wait(wait)
        said_goodbye = True
    finally:
        last_error = state.last_error if said_goodbye else "a defect stopped this source; see the log"
        _tell(on_state, replace(state, state=Running.STOPPED, last_error=last_error, retry_at=None))


def _tell(on_state: Callable[[SourceState], None], state: SourceState) -> None:
    try:
        on_state(state)
    except DeskError as error:
        # A full disk must not end the thread that will go on when there is room again.
        log.warning("Source %s is %s, which could not be noted: %s", state.source, state.state, error)


def _failed(state: SourceState, error: DeskError, at: datetime, jitter: float) -> tuple[SourceState, float]:
    """The state after one more failure, and the seconds to wait."""
    failures = state.consecutive_failures + 1
    permanent = isinstance(error, SourceError) and error.permanent
    asked = error.retry_after_seconds if isinstance(error, SourceError) else None
    if permanent:
        longest = PERMANENT_RETRY_SECONDS
    else:
        # Past ten doublings the cap has long decided; a larger power would only overflow.
        longest = min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10), LONGEST_RETRY_SECONDS)
    wait = longest * (1 + jitter) / 2
    if asked is not None:
        # Not a moment sooner than asked, and not every reader at the same moment.
        wait = max(wait, asked + jitter)
    level = logging.ERROR if permanent else logging.WARNING
    log.log(
        level, "Source %s failed (%d in a row): %s Next try in %.0f s.", state.source, failures, error, wait
    )
    return (
        replace(
            state,
            state=Running.BACKING_OFF,
            last_error=str(error),
            consecutive_failures=failures,
            permanent=permanent,
            retry_at=at + timedelta(seconds=wait),
        ),
        wait,
    )
