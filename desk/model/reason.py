"""What complaints are about: the general reasons by name. An operator's own come from config.toml."""

from __future__ import annotations

GENERAL_REASONS = (
    "delay",
    "cancellation",
    "service",
    "lost or damaged",
    "booking",
    "billing",
    "quality",
    "outage",
    "account",
)
"""As agents read them and `classify --json` prints them."""

OTHER = "other"
"""None of them; a verdict leaves its reason empty instead."""
