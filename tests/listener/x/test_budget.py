"""A budget for X is read in pages that fit it, made to last the month, and ends where the team said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from desk.errors import SourceError
from desk.store.spending import StoreLedger
from listener.platforms.x.meter import Limit
from listener.platforms.x.source import XFeed, XSource
from tests.fakes.clock import START, Clock
from tests.fakes.x_api import FakeX
from tests.listener.x.metering import dollars, meter_of, source_of, spent, use

MONTH_ENDS = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(("usd", "reads"), [("0.20", None), (None, 40)])
def test_reading_stops_before_it_goes_beyond_the_cap_and_says_so(
    x: FakeX, ledger: StoreLedger, clock: Clock, usd: str | None, reads: int | None
) -> None:
    for number in range(60):
        x.add_post("20", f"@Fernway {number}")
    clock.at = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)  # the month is as good as over: nothing is spread
    source = source_of(x, meter_of(x, ledger, usd, reads=reads), first_hours=24 * 30)
    cursor = None

    with pytest.raises(SourceError, match="budget of x for March is used up") as caught:
        for _ in range(10):
            cursor = source.fetch(cursor).cursor

    assert caught.value.permanent
    assert caught.value.retry_after_seconds == 30 * 60
    assert "until 1 April; raise monthly_budget_usd or monthly_reads" in str(caught.value)
    assert dollars("0.175") < spent(ledger).micro_usd <= dollars("0.20")
    # What was not read is not lost: the same pass goes on with the next month's budget.
    clock.at = MONTH_ENDS
    assert source.fetch(cursor).mentions


@pytest.mark.parametrize(
    ("usd", "reads", "size"), [("100", None, 80), ("10", None, 8), ("1", None, 5), (None, 3_000, 20)]
)
def test_a_small_budget_is_read_in_small_pages(
    x: FakeX, ledger: StoreLedger, usd: str | None, reads: int | None, size: int
) -> None:
    meter = meter_of(x, ledger, usd, reads=reads, bill_included=True)

    source_of(x, meter, page_size=100).fetch(None)

    assert f"max_results={size}&" in x.requests[-1][1]


def test_a_stop_holds_for_all_feeds_of_the_account(x: FakeX, ledger: StoreLedger) -> None:
    for number in range(20):
        x.add_post("20", f"@Fernway {number}")
    meter = meter_of(x, ledger, "0.04")
    with pytest.raises(SourceError, match="used up"):
        source_of(x, meter, XFeed.SEARCH, query="Fernway").fetch(None)
    asked = len(x.requests)

    with pytest.raises(SourceError, match="used up"):
        source_of(x, meter, XFeed.MENTIONS).fetch(None)

    assert len(x.requests) == asked == 0


def test_reservations_under_way_are_waited_for_and_are_no_stop(x: FakeX, ledger: StoreLedger) -> None:
    meter = meter_of(x, ledger, "0.08")
    held = meter.hold(meter.streamed(10), Limit.READING, "another feed")

    with pytest.raises(SourceError, match="used up") as caught:
        source_of(x, meter, XFeed.SEARCH, query="Fernway").fetch(None)
    assert (caught.value.permanent, caught.value.retry_after_seconds) == (False, 5)

    held.came([])
    assert source_of(x, meter, XFeed.SEARCH, query="Fernway").fetch(None)


def test_most_of_a_budget_may_be_used_as_it_comes(x: FakeX, ledger: StoreLedger) -> None:
    use(ledger, "7.90")
    for number in range(30):
        x.add_post("20", f"@Fernway {number}")
    source = source_of(x, meter_of(x, ledger, "10"), interval_seconds=60, page_size=10)

    assert source.fetch(None).more
    assert source.interval_seconds == 60


def test_the_last_fifth_is_made_to_last_until_the_month_ends(
    x: FakeX, ledger: StoreLedger, clock: Clock
) -> None:
    use(ledger, "9.00")
    for number in range(30):
        x.add_post("20", f"@Fernway {number}")
    source = source_of(x, meter_of(x, ledger, "10"), interval_seconds=60)

    batch = source.fetch(None)

    # Little at a time, and then nothing for as much of the month as that was of what is left.
    assert len(batch.mentions) == 5
    assert not batch.more
    left = (MONTH_ENDS - START).total_seconds()
    assert source.interval_seconds == pytest.approx(left * 0.025 / 0.975)
    assert drain_paced(source, clock, batch.cursor, until=MONTH_ENDS) == 25
    assert spent(ledger).micro_usd <= dollars("10")


def drain_paced(source: XSource, clock: Clock, cursor: str | None, *, until: datetime) -> int:
    """As the loop does it: what is read while the pauses last into the next month."""
    read = 0
    for _ in range(200):
        clock.advance(source.interval_seconds)
        if clock() >= until:
            break
        batch = source.fetch(cursor)
        cursor, read = batch.cursor, read + len(batch.mentions)
        if not batch.mentions:
            # A look that found nothing was free.
            assert source.interval_seconds == 60
            break
    return read


def test_spending_that_keeps_pace_with_the_month_is_not_slowed(
    x: FakeX, ledger: StoreLedger, clock: Clock
) -> None:
    use(ledger, "8.50")
    clock.at = datetime(2026, 3, 29, tzinfo=UTC)
    x.add_post("20", "@Fernway help")
    source = source_of(x, meter_of(x, ledger, "10"), interval_seconds=60)

    source.fetch(None)

    assert source.interval_seconds == 60


def test_no_pause_is_longer_than_a_day(x: FakeX, ledger: StoreLedger) -> None:
    use(ledger, "9.90")
    for number in range(5):
        x.add_post("20", f"@Fernway {number}")
    source = source_of(x, meter_of(x, ledger, "10", feeds=4))

    source.fetch(None)

    assert source.interval_seconds == 24 * 3600
