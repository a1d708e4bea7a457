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


def latest_post_at(store: Store) -> datetime | None:
    """The time of the latest post stored: where a replay's clock stands."""
    with store.read() as db:
        return from_ms_or_none(db.execute("SELECT max(created_at) FROM mentions").fetchone()[0])


def totals(store: Store) -> Totals:
    with store.read() as db:
        (row,) = db.query(
            "SELECT (SELECT count(*) FROM mentions) AS mentions, "
            "(SELECT count(*) FROM verdicts WHERE is_complaint = 1) AS complaints, "
            "(SELECT count(*) FROM cases) AS cases, "
            "(SELECT count(*) FROM mentions WHERE from_brand = 1) AS brand_posts, "
            "(SELECT count(*) FROM alerts) AS alerts, "
            "(SELECT count(*) FROM quarantine) AS quarantined, "
            "(SELECT count(*) FROM deliveries WHERE state = 'dead') AS undelivered"
        )
    return Totals(**row)
