"""What platforms say in headers about when to come back, and libraries that say too much."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_SECONDS = 24 * 3600.0
"""No header may make a source or a channel sleep longer; a broken one would stop it for good."""


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds from now: a number, an HTTP date (RFC 9110), or an ISO time."""
    return _wait(value, now, epoch=False)


def reset_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds until a rate limit's reset: epoch seconds (X), seconds to go, or an ISO time (Mastodon).

    None where the header is absent or says nothing usable.
    """
    return _wait(value, now, epoch=True)


def _wait(value: str | None, now: datetime, *, epoch: bool) -> float | None:
    if value is None or not value.strip():
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        at = _moment(text)
        if at is None:
            return None
        seconds = (at - now).total_seconds()
    else:
        if not math.isfinite(seconds):
            return None
        # An epoch is far larger than any wait that makes sense.
        if epoch and seconds > LONGEST_WAIT_SECONDS * 365:
            seconds -= now.timestamp()
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _moment(text: str) -> datetime | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return None


def hush(*loggers: str) -> None:
    """Keep libraries from writing addresses and keys to the log, as these do at DEBUG or INFO."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)
