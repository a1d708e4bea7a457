"""Times as agents read them: how long until it is due, how long ago it was said, and at what hour."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from desk.model.case import CLOSED, Case

SOON = timedelta(minutes=30)
"""From here on a clock is shown as running out."""

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


class Band(StrEnum):
    """How pressing a case is."""

    OVERDUE = "overdue"
    SOON = "soon"
    FRESH = "fresh"
    RESTING = "resting"
    """No clock runs: waiting, put away, closed, or without a target."""


GLYPHS = {Band.OVERDUE: "◆", Band.SOON: "▲", Band.FRESH: "○", Band.RESTING: "·"}
"""A shape for each band, so that colour is never the only difference."""


def band(case: Case, now: datetime) -> Band:
    if case.due_at is None or case.state in CLOSED:
        return Band.RESTING
    if case.due_at <= now:
        return Band.OVERDUE
    return Band.SOON if case.due_at - now <= SOON else Band.FRESH


def countdown(case: Case, now: datetime) -> str:
    """At most ten cells: "late 1h05", "in 12m", or what the case rests on."""
    if case.state in CLOSED:
        return "closed"
    if case.snoozed_until is not None and band(case, now) is not Band.OVERDUE:
        return f"back {span(case.snoozed_until - now)}"
    if case.due_at is None:
        return "no clock"
    if case.due_at <= now:
        return f"late {span(now - case.due_at)}"
    return f"in {span(case.due_at - now)}"


def span(length: timedelta) -> str:
    """A length in at most two units, rounded down: "45s", "12m", "3h05", "14h", "40d"."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 10 * _HOUR:
        return f"{seconds // _HOUR}h{seconds % _HOUR // _MINUTE:02d}"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    return f"{seconds // _DAY}d"


def ago(moment: datetime, now: datetime) -> str:
    length = now - moment
    return "just now" if length < timedelta(seconds=_MINUTE) else f"{span(length)} ago"


def clock(moment: datetime, now: datetime, zone: tzinfo | None) -> str:
    """The hour, with the day where it is not today's, in the agent's zone (None: the system's)."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    if abs((today - local.date()).days) < 7:
        return f"{local:%a %H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == today.year else f"{local.day} {local:%b %Y}"


def day(moment: datetime, zone: tzinfo | None) -> str:
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y}"
