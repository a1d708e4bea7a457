"""Whether anything listens and sends at all: what agents must be told before they trust an empty queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from desk.model.health import SILENT_AFTER
from desk.store import marks, sources, spending
from desk.store.columns import from_ms, to_ms
from desk.store.connection import Store

BEAT_SECONDS = 30.0
"""How often a running `answerback run` says that it lives."""
_SILENT_AFTER = timedelta(seconds=3 * BEAT_SECONDS)
_STUCK_AFTER = timedelta(minutes=5)
_ALIVE = "run: alive milliseconds"
_PATIENCE = "run: silent after milliseconds"


def beat(
    store: Store,
    now: datetime,
    listening: Mapping[str, float] = MappingProxyType({}),
    silent_after: timedelta = SILENT_AFTER,
) -> None:
    """Say that `answerback run` lives, and to which sources it listens, each by its interval in seconds.

    With it goes after how long it calls a source silent: desks have no config of it, and are to say the same
    as its alerts. Writes seldom, because every desk reads again when it does.
    """
    with store.read() as db:
        if to_ms(now) - marks.get(db, _ALIVE) < BEAT_SECONDS * 1_000:
            return
    with store.write() as db:
        marks.put(db, _ALIVE, to_ms(now))
        marks.put(db, _PATIENCE, silent_after // timedelta(milliseconds=1))
        sources.listen(db, listening, now)


def _is_silent(status: sources.SourceStatus, silent_after: timedelta, now: datetime) -> bool:
    at = status.silent_at(silent_after)
    return at is not None and at <= now


def troubles(store: Store, now: datetime) -> tuple[str, ...]:
    """What keeps mentions from coming in or replies from going out, worst first; empty when all is well."""
    with store.read() as db:
        alive = marks.get(db, _ALIVE)
        patience = timedelta(milliseconds=marks.get(db, _PATIENCE)) or SILENT_AFTER
        statuses = sources.statuses(db)
        accounts = spending.standings(db, now)
        (stuck,) = db.execute(
            "SELECT count(*) FROM replies WHERE state = 'approved' AND send_after < ?",
            (to_ms(now - _STUCK_AFTER),),
        ).fetchone()
    said = []
    if now - from_ms(alive) > _SILENT_AFTER:
        said.append("nothing listens or sends: start answerback run")
    # What a process listened to once and no longer does was taken out of the config.
    wanted = [s for s in statuses if s.listened_until is None or s.is_listened_to(now)]
    failing = [status.name for status in wanted if status.state != "ok"]
    if failing:
        said.append(f"{', '.join(failing)} cannot be read")
    silent = [status.name for status in wanted if status.state == "ok" and _is_silent(status, patience, now)]
    if silent:
        said.append(f"{', '.join(silent)} fell silent")
    said += [trouble for account in accounts if (trouble := account.trouble())]
    if stuck:
        said.append(f"{stuck} {'reply waits' if stuck == 1 else 'replies wait'} for a sender")
    return tuple(said)
