"""What reading X costs is counted before it is read, once a day, and outlasts the process."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from desk.errors import SourceError
from desk.model.spending import Spent
from desk.store import Store
from desk.store.spending import StoreLedger, by_kind, save_budgets
from listener.platforms.x.meter import Limit
from listener.platforms.x.prices import XPrices
from listener.platforms.x.source import XAccount, XFeed, XSource
from tests.fakes.clock import START, Clock
from tests.fakes.ledger import FullDisk, open_ledger
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Hang, Reset
from tests.fakes.x_api import FakeX
from tests.listener.x.metering import dollars, meter_of, source_of, spent


def drain(source: XSource, cursor: str | None = None) -> int:
    read = 0
    more = True
    while more:
        batch = source.fetch(cursor)
        cursor, more = batch.cursor, batch.more
        read += len(batch.mentions)
    return read


def begin_again(tmp_path: Path) -> None:
    """As a new process does."""
    with Store(tmp_path / "spent.db").write() as db:
        save_budgets(db, [])


def kinds(tmp_path: Path) -> dict[str, tuple[int, int]]:
    with Store(tmp_path / "spent.db").read() as db:
        return {c.kind: (c.count, c.micro_usd) for c in by_kind(db, "x", START) if c.count or c.micro_usd}


def test_every_post_read_is_counted_once_at_its_price(x: FakeX, ledger: StoreLedger, tmp_path: Path) -> None:
    for number in range(25):
        x.add_post("20", f"@Fernway {number}")

    drain(source_of(x, meter_of(x, ledger)))

    assert kinds(tmp_path) == {"post": (25, dollars("0.125"))}
    assert spent(ledger) == Spent(dollars("0.125"), 25)


def test_the_authors_and_posts_that_a_page_brings_along_are_counted_unless_told_otherwise(
    x: FakeX, ledger: StoreLedger, tmp_path: Path
) -> None:
    question = x.add_post("30", "a question")
    x.add_post("20", "@Fernway one", replied_to=question)
    x.add_post("20", "@Fernway two", quoted=question)

    source_of(x, meter_of(x, ledger, bill_included=True)).fetch(None)

    assert kinds(tmp_path) == {"post": (3, dollars("0.015")), "user": (1, dollars("0.01"))}


def test_the_app_owners_own_mentions_cost_less_and_a_search_for_them_the_rest(
    x: FakeX, ledger: StoreLedger
) -> None:
    x.add_post("20", "@Fernway help")
    meter = meter_of(x, ledger, owned_reads=True)

    source_of(x, meter).fetch(None)
    assert spent(ledger) == Spent(dollars("0.001"), 1)
    source_of(x, meter, XFeed.SEARCH, query="help").fetch(None)

    assert spent(ledger) == Spent(dollars("0.005"), 1)


def test_a_post_is_charged_once_a_day_however_often_it_is_read(
    x: FakeX, ledger: StoreLedger, clock: Clock
) -> None:
    x.add_post("20", "@Fernway help")
    meter = meter_of(x, ledger)
    for _ in range(3):
        source_of(x, meter).fetch(None)
    assert spent(ledger).reads == 1

    clock.at = datetime(2026, 3, 11, 0, 0, 1, tzinfo=UTC)
    source_of(x, meter).fetch(None)

    assert spent(ledger).reads == 2


def test_the_count_outlasts_the_process(x: FakeX, ledger: StoreLedger, tmp_path: Path) -> None:
    x.add_post("20", "@Fernway help")
    source_of(x, meter_of(x, ledger)).fetch(None)

    source_of(x, meter_of(x, open_ledger(tmp_path))).fetch(None)

    # The second process does not know what was charged already: too much rather than too little.
    assert spent(ledger) == Spent(dollars("0.01"), 2)


def test_a_process_that_is_killed_before_the_answer_has_counted_the_most_that_it_can_cost(
    x: FakeX, ledger: StoreLedger, tmp_path: Path
) -> None:
    meter = meter_of(x, ledger, "50", bill_included=True)
    tariff = meter.tariff(
        "GET",
        "/2/users/10/mentions",
        {"max_results": 100, "expansions": "author_id,referenced_tweets.id"},
        {},
    )
    assert tariff is not None
    meter.hold(tariff, Limit.READING, "mentions")

    # Under way it is no spending that anybody has to slow down for; but it was, once nobody can tell.
    assert spent(ledger) == Spent()
    assert not meter.spares
    begin_again(tmp_path)
    # A hundred posts, their authors, and two other posts for each.
    assert spent(ledger) == Spent(dollars("2.50"), 300)


def test_looking_up_an_account_is_counted(x: FakeX, ledger: StoreLedger, tmp_path: Path) -> None:
    source_of(x, meter_of(x, ledger), account=XAccount("fernway", "Fernway")).fetch(None)

    assert kinds(tmp_path) == {"user": (1, dollars("0.01"))}


def test_a_page_is_paid_for_before_it_is_handed_over(x: FakeX, tmp_path: Path) -> None:
    """A disk that fills up while a page is on its way: the page counts at its highest price."""
    x.add_post("20", "@Fernway help")
    ledger = open_ledger(tmp_path)

    batch = source_of(x, meter_of(x, FullDisk(ledger, 1), "50")).fetch(None)

    assert len(batch.mentions) == 1
    begin_again(tmp_path)
    assert spent(ledger) == Spent(dollars("0.05"), 10)


def test_nothing_is_asked_for_that_cannot_be_counted(x: FakeX, ledger: StoreLedger) -> None:
    source = source_of(x, meter_of(x, FullDisk(ledger, 0), "50"))

    with pytest.raises(SourceError, match="cannot be noted") as caught:
        source.fetch(None)

    assert not caught.value.permanent
    assert not x.requests


@pytest.mark.parametrize("fault", [Answer(503, {}), Answer(429, {}), Answer(403, {})])
def test_a_refusal_costs_nothing(x: FakeX, ledger: StoreLedger, fault: Answer) -> None:
    x.fail("/2/users/10/mentions", fault)

    with pytest.raises(SourceError):
        source_of(x, meter_of(x, ledger)).fetch(None)

    assert spent(ledger) == Spent()


def test_a_platform_that_cannot_be_reached_costs_nothing(x: FakeX, ledger: StoreLedger) -> None:
    with pytest.raises(SourceError):
        source_of(x, meter_of(x, ledger), base_url="http://127.0.0.1:1").fetch(None)

    assert spent(ledger) == Spent()


@pytest.mark.parametrize("fault", [Reset(), Hang(after=True), Answer(200, b'{"data": [{"id"')])
def test_an_answer_that_never_came_counts_as_a_page_but_only_once_a_day(
    x: FakeX, ledger: StoreLedger, fault: Any
) -> None:
    source = source_of(x, meter_of(x, ledger), timeout_seconds=PATIENCE_SECONDS)
    x.fail("/2/users/10/mentions", *[fault] * 4)

    for _ in range(4):
        with pytest.raises(SourceError):
            source.fetch(None)

    assert spent(ledger) == Spent(dollars("0.05"), 10)


def test_prices_are_settings(x: FakeX, ledger: StoreLedger) -> None:
    x.add_post("20", "@Fernway help")
    prices = XPrices.model_validate({"post": 0.0123456789})

    source_of(x, meter_of(x, ledger, prices=prices)).fetch(None)

    # Rounded up to a millionth of a dollar.
    assert spent(ledger).micro_usd == 12_346


@pytest.mark.parametrize("price", [-1, float("nan"), float("inf"), "cheap"])
def test_a_price_is_an_amount(price: object) -> None:
    with pytest.raises(ValueError, match="post"):
        XPrices.model_validate({"post": price})
