"""Metered sources of X, and what they have cost so far; shared by the tests of spending."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from desk.model.spending import Budget, Charge, Spent
from desk.ports import Ledger
from desk.store.spending import StoreLedger
from listener.platforms.x.meter import Meter
from listener.platforms.x.source import XFeed, XSource
from tests.fakes.clock import START
from tests.fakes.x_api import KEYS, FakeX
from tests.listener.x.reading import ACCOUNT


def dollars(amount: str) -> int:
    return int(Decimal(amount) * 1_000_000)


def meter_of(x: FakeX, ledger: Ledger, usd: str | None = None, **settings: Any) -> Meter:
    reads = settings.pop("reads", None)
    budget = Budget("x", None if usd is None else dollars(usd), reads)
    return Meter(budget, ledger=ledger, now=x.clock, **({"bill_included": False} | settings))


def source_of(x: FakeX, meter: Meter, feed: XFeed = XFeed.MENTIONS, **settings: Any) -> XSource:
    defaults: dict[str, Any] = {"feed": feed, "now": x.clock, "base_url": x.url, "page_size": 10}
    return XSource(settings.pop("account", ACCOUNT), KEYS, meter=meter, **(defaults | settings))


def spent(ledger: Ledger) -> Spent:
    return ledger.spent("x", START)


def use(ledger: StoreLedger, usd: str) -> None:
    ledger.add("x", [Charge("post", 1, dollars(usd), 1)], START)
