"""When a source counts as silent: what agents and operators must be told before they trust an empty queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NewType

SourceName = NewType("SourceName", str)
"""The name under which a source's cursor is kept: `mastodon:mentions`."""

SILENT_AFTER = timedelta(minutes=5)
"""No source is called silent sooner."""
SILENT_INTERVALS = 5
"""Nor before so many of its own intervals have passed: one slow answer is no silence."""


def silent_at(heard_at: datetime, interval_seconds: float, silent_after: timedelta) -> datetime:
    """When a source that was last heard of at `heard_at` falls silent, if nothing comes until then.

    A fetch that brings no posts counts as heard: quiet is not silent.
    """
    return heard_at + max(silent_after, timedelta(seconds=SILENT_INTERVALS * interval_seconds))
