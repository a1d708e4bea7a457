"""Replies on X cost too; whether the budget holds them back is the team's choice."""

from __future__ import annotations

import pytest

from desk.errors import SendLaterError, SendRefusedError, SendUnknownError
from desk.model.reply import Outgoing, ReplyId
from desk.store.spending import StoreLedger
from listener.platforms.x.meter import Meter
from listener.platforms.x.source import XSender
from tests.fakes.clock import START
from tests.fakes.ledger import FullDisk
from tests.fakes.loopback import PATIENCE_SECONDS, Answer, Reset
from tests.fakes.x_api import KEYS, FakeX
from tests.listener.x.metering import dollars, meter_of, spent, use
from tests.listener.x.reading import ACCOUNT


def reply(x: FakeX, text: str = "Sorry, we are on it.", number: int = 1) -> Outgoing:
    post = x.add_post("20", f"@Fernway help {number}")
    return Outgoing(ReplyId(number), "fernway", post, post, "ana", text, START)


def sender_of(x: FakeX, meter: Meter, *within_budget: str) -> XSender:
    return XSender(
        {ACCOUNT: KEYS},
        now=x.clock,
        base_url=x.url,
        timeout_seconds=PATIENCE_SECONDS,
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
