"""What platforms charge: exact sums, months in UTC, caps that hold however many write, and what is said."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.spending import Budget, Charge, Pace, Spent, Standing, month_bounds, month_of
from desk.store import Store
from desk.store.health_view import beat, troubles
from desk.store.spending import StoreLedger, by_kind, save_budgets, standings
from tests.kernel import NOON, Desk

NEXT_MONTH = month_bounds(NOON)[1]


def test_charges_add_up_by_account_month_and_kind(desk: Desk) -> None:
    ledger = StoreLedger(desk.store)
    ledger.add("x", [Charge("post", 3, 15_000, 3), Charge("user", 1, 10_000)], NOON)
    ledger.add("x", [Charge("post", 1, 5_000, 1), Charge("user", -1, -10_000)], NOON)
    ledger.add("x", [Charge("post", 1, 5_000, 1)], NEXT_MONTH)
    ledger.add("x-de", [Charge("post", 1, 5_000, 1)], NOON)

    assert ledger.spent("x", NOON) == Spent(20_000, 4)
    assert ledger.spent("x", NEXT_MONTH) == Spent(5_000, 1)
    with desk.store.read() as db:
        assert by_kind(db, "x", NOON) == [Charge("post", 4, 20_000, 4), Charge("user", 0, 0)]


def test_what_was_spent_is_there_in_another_process(desk: Desk) -> None:
    StoreLedger(desk.store).add("x", [Charge("post", 3, 15_000, 3)], NOON)

    assert StoreLedger(Store(desk.store.path)).spent("x", NOON) == Spent(15_000, 3)


def test_a_cap_holds_however_many_reserve_at_once(desk: Desk) -> None:
    budget = Budget("x", 100_000)
    taken: list[bool] = []

    def reserve() -> None:
        ledger = StoreLedger(Store(desk.store.path))  # as another process has it
        taken.extend(ledger.reserve(budget, Charge("held", 1, 7_000), NOON) for _ in range(5))

    workers = [threading.Thread(target=reserve) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(taken) == 14
    ledger = StoreLedger(desk.store)
    assert ledger.reserve(budget, Charge("held", 1, 2_000), NOON)
    assert not ledger.reserve(budget, Charge("held", 1, 1), NOON)


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "2026-12"),
        (datetime(2027, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=3))), "2026-12"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=timezone(timedelta(hours=-3))), "2027-01"),
    ],
)
def test_a_month_is_one_in_utc(at: datetime, month: str) -> None:
    assert month_of(at) == month
    begun, ends = month_bounds(at)
    assert begun <= at < ends
    assert month_of(begun) == month != month_of(ends)


@given(
    micro=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
    cap=st.integers(0, 10**9) | st.none(),
    reads=st.integers(0, 1_000) | st.none(),
)
def test_what_a_budget_allows_never_goes_beyond_it(
    micro: int, more: int, cap: int | None, reads: int | None
) -> None:
    budget = Budget("x", cap, reads)
    spent, charge = Spent(micro, micro % 1_000), Charge("held", 1, more, more % 1_000)
    after = Spent(spent.micro_usd + charge.micro_usd, spent.reads + charge.reads)

    assert budget.allows(spent, charge) == (
        (cap is None or after.micro_usd <= cap) and (reads is None or after.reads <= reads)
    )


@pytest.mark.parametrize(
    ("dollars", "day", "pace"),
    [
        (7.9, 2, Pace.FREE),
        (8.1, 2, Pace.SLOW),
        (8.1, 28, Pace.FREE),  # four fifths of the money, nine tenths of the month
        (9.9, 28, Pace.SLOW),
        (12.0, 28, Pace.SLOW),  # replies may go beyond it
    ],
)
def test_it_slows_where_money_goes_faster_than_the_month(dollars: float, day: int, pace: Pace) -> None:
    at = datetime(2026, 11, day, tzinfo=UTC)
    standing = Standing(Budget("x", 10_000_000), Spent(round(dollars * 1_000_000)), at)

    assert standing.pace is pace


def test_a_cap_in_reads_counts_as_one_in_money_does() -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)

    assert Standing(Budget("x", 10_000_000, 100), Spent(1, 81), at).pace is Pace.SLOW
    assert Standing(Budget("x"), Spent(10**12, 10**9), at).pace is Pace.FREE
    assert Standing(Budget("x", 0), Spent(), at).pace is Pace.SLOW


def test_a_month_is_projected_from_how_it_began() -> None:
    at = datetime(2026, 11, 11, tzinfo=UTC)  # a third of it

    assert Standing(Budget("x"), Spent(5_000_000), at).projected_micro_usd == 15_000_000
    assert Standing(Budget("x"), Spent(0), datetime(2026, 11, 1, tzinfo=UTC)).projected_micro_usd == 0


def test_agents_are_told_that_reading_is_slow_or_has_stopped(desk: Desk) -> None:
    ledger, budget = StoreLedger(desk.store), Budget("x", 10_000_000)
    beat(desk.store, NOON)
    with desk.store.write() as db:
        save_budgets(db, [budget])
    assert troubles(desk.store, NOON) == ()

    ledger.add("x", [Charge("post", 1, 9_100_000, 1)], NOON)
    assert troubles(desk.store, NOON) == ("x reads slowly: 91% of its budget is used",)

    ledger.stop(budget, NOON)
    said = "x has used up its budget: nothing is read until 1 December"
    assert troubles(desk.store, NOON) == (said,)

    beat(desk.store, NEXT_MONTH)
    assert troubles(desk.store, NEXT_MONTH) == ()


def test_a_budget_that_left_the_config_is_nobodys_trouble_and_a_raised_one_begins_anew(desk: Desk) -> None:
    ledger, budget = StoreLedger(desk.store), Budget("x", 10_000_000)
    ledger.stop(budget, NOON)
    with desk.store.write() as db:
        save_budgets(db, [Budget("x", 20_000_000), Budget("y", None, 10)])
    with desk.store.read() as db:
        known = {each.budget.account: each.pace for each in standings(db, NOON)}

    assert known == {"x": Pace.FREE, "y": Pace.FREE}
    with desk.store.write() as db:
        save_budgets(db, [])
        assert standings(db, NOON) == []
