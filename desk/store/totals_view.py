"""What a store holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from desk.store.columns import from_ms_or_none
from desk.store.connection import Store


@dataclass(frozen=True, slots=True)
class Totals:
    mentions: int
    complaints: int
    """Customers' posts that the classifier calls complaints."""
    cases: int
    brand_posts: int
    """Posts by the brand's own accounts: answers that were seen, made here or elsewhere."""
    alerts: int
    quarantined: int
    undelivered: int
    """Alerts that were given up for a channel: dead letters."""
    unsettled_replies: int
    """Approved replies that are not out yet."""
    latest_post_at: datetime | None


def totals(store: Store) -> Totals:
    with store.read() as db:
        row = db.execute(
            "SELECT (SELECT count(*) FROM mentions), "
            "(SELECT count(*) FROM verdicts WHERE is_complaint = 1), "
            "(SELECT count(*) FROM cases), "
            "(SELECT count(*) FROM mentions WHERE from_brand = 1), "
            "(SELECT count(*) FROM alerts), "
            "(SELECT count(*) FROM quarantine), "
            "(SELECT count(*) FROM deliveries WHERE state = 'dead'), "
            "(SELECT count(*) FROM replies WHERE state IN ('approved', 'sending', 'unconfirmed')), "
            "(SELECT max(created_at) FROM mentions)"
        ).fetchone()
    *counts, latest = row
    return Totals(*counts, from_ms_or_none(latest))
