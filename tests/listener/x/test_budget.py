"""What X charges is counted before it is read, outlasts the process, and ends where the team said."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError, SourceError
from desk.model.reply import Outgoing, ReplyId
from desk.model.spending import Budget, Charge, Spent
from desk.ports import Ledger
from desk.store import Store
from desk.store.spending import StoreLedger, by_kind, save_budgets
from listener.platforms.x.meter import Limit, Meter
from listener.platforms.x.prices import XPrices
from listener.platforms.x.source import XAccount, XFeed, XSender, XSource
from tests.fakes.clock import START, Clock
from tests.fakes.ledger import FullDisk, open_ledger
from tests.fakes.loopback import Answer, Hang, Reset
from tests.fakes.x_api import KEYS, FakeX

ACCOUNT = XAccount("fernway", "Fernway", "10")
MONTH_ENDS = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> StoreLedger:
    return open_ledger(tmp_path)


def dollars(amount: str) -> int:
    return int(Decimal(amount) * 1_000_000)


def meter_of(x: FakeX, ledger: Ledger, usd: str | None = None, **settings: Any) -> Meter:
    reads = settings.pop("reads", None)
    budget = Budget("x", None if usd is None else dollars(usd), reads)
    return Meter(budget, ledger=ledger, now=x.clock, **({"bill_included": False} | settings))


def source_of(x: FakeX, meter: Meter, feed: XFeed = XFeed.MENTIONS, **settings: Any) -> XSource:
    defaults: dict[str, Any] = {"feed": feed, "now": x.clock, "base_url": x.url, "page_size": 10}
    return XSource(settings.pop("account", ACCOUNT), KEYS, meter=meter, **(defaults | settings))


def drain(source: XSource, cursor: str | None = None) -> int:
    read = 0
    more = True
    while more:
        batch = source.fetch(cursor)
        cursor, more = batch.cursor, batch.more
        read += len(batch.mentions)
    return read


def spent(ledger: Ledger) -> Spent:
    return ledger.spent("x", START)


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
    source = source_of(x, meter_of(x, ledger), timeout_seconds=0.3)
    x.fail("/2/users/10/mentions", *[fault] * 4)

    for _ in range(4):
        with pytest.raises(SourceError):
            source.fetch(None)

    assert spent(ledger) == Spent(dollars("0.05"), 10)


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


def use(ledger: StoreLedger, usd: str) -> None:
    ledger.add("x", [Charge("post", 1, dollars(usd), 1)], START)


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


def reply(x: FakeX, text: str = "Sorry, we are on it.", number: int = 1) -> Outgoing:
    post = x.add_post("20", f"@Fernway help {number}")
    return Outgoing(ReplyId(number), "fernway", post, post, "ana", text, START)


def sender_of(x: FakeX, meter: Meter, *within_budget: str) -> XSender:
    return XSender(
        {ACCOUNT: KEYS},
        now=x.clock,
        base_url=x.url,
        timeout_seconds=0.3,
        meters={"fernway": meter},
        within_budget=within_budget,
    )


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("Sorry.", "0.01"),
        ("See https://fernway.example/help", "0.20"),
        ("See fernway.com.", "0.20"),
    ],
)
def test_a_reply_is_counted_and_one_with_a_link_at_its_own_price(
    x: FakeX, ledger: StoreLedger, text: str, price: str
) -> None:
    sender_of(x, meter_of(x, ledger)).send(reply(x, text))

    assert spent(ledger).micro_usd == dollars("0.01") + dollars(price)  # with the look at whose keys they are


def test_a_reply_goes_out_when_reading_has_stopped_and_is_counted(x: FakeX, ledger: StoreLedger) -> None:
    use(ledger, "10")

    assert sender_of(x, meter_of(x, ledger, "10")).send(reply(x))

    assert spent(ledger).micro_usd == dollars("10.02")


def test_a_team_can_hold_replies_to_the_budget_and_is_told_why(x: FakeX, ledger: StoreLedger) -> None:
    use(ledger, "9.99")
    sender = sender_of(x, meter_of(x, ledger, "10.01"), "fernway")
    assert sender.send(reply(x))

    with pytest.raises(SendRefusedError, match=r"budget of x for March is used up.*replies_over_budget"):
        sender.send(reply(x, number=2))
    assert sum(post.author_id == "10" for post in x.posts.values()) == 1


def test_a_refused_reply_costs_nothing_and_one_of_unknown_fate_does(x: FakeX, ledger: StoreLedger) -> None:
    sender = sender_of(x, meter_of(x, ledger))
    looked_up = dollars("0.01")
    x.fail("/2/tweets", Answer(403, {"detail": "no"}), Reset())
    with pytest.raises(SendRefusedError):
        sender.send(reply(x))
    assert spent(ledger).micro_usd == looked_up

    with pytest.raises(SendUnknownError):
        sender.send(reply(x))
    assert spent(ledger).micro_usd == looked_up + dollars("0.01")


def test_a_reply_whose_cost_cannot_be_noted_waits(x: FakeX, ledger: StoreLedger) -> None:
    with pytest.raises(SendLaterError, match="cannot be noted"):
        sender_of(x, meter_of(x, FullDisk(ledger, 0))).send(reply(x))

    assert not x.requests


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
