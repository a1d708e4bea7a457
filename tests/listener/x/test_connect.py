"""What a [[sources]] of X becomes: its feeds, its stream, its look for deletions, and its budget."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from desk.errors import InputError
from desk.model.spending import Budget, Spent
from desk.store.spending import StoreLedger
from listener.platform import NamedSettings
from listener.platforms.x import PLATFORM, XSettings
from tests.fakes.clock import START, Clock
from tests.fakes.x_api import KEYS, FakeX

BEARER_ONLY = frozenset({"BEARER_TOKEN"})


def secrets_of(*names: str) -> Any:
    def secret(source: NamedSettings, name: str) -> SecretStr | None:
        del source
        return getattr(KEYS, name.lower()) if not names or name in names else None

    return secret


def settings(**changes: Any) -> XSettings:
    given = {"type": "x", "brand": "fernway", "handle": "Fernway", "user_id": "10"}
    return XSettings.model_validate(given | changes)


def test_a_source_with_everything_has_a_feed_for_everything(clock: Clock, ledger: StoreLedger) -> None:
    assert PLATFORM.metered is not None
    made = PLATFORM.metered(
        [settings(listen="fernway broken", stream=True, direct_messages=True)], secrets_of(), clock, ledger
    )

    assert [feed.source.name for feed in made.feeds] == ["x:mentions", "x:own", "x:search", "x:dms"]
    assert [feed.stream is not None for feed in made.feeds] == [False, False, True, False]
    assert [feed.source.interval_seconds for feed in made.feeds] == [60, 60, 900, 60]
    assert set(made.senders) == {"x"}
    [check] = made.checkers
    assert check.posts_per_day == 500


def test_a_plain_source_has_neither_stream_nor_messages(clock: Clock) -> None:
    made = PLATFORM.connect(
        [settings(listen="fernway", search_interval="5m", deletion_looks_per_day=0)], secrets_of(), clock
    )

    assert [feed.source.name for feed in made.feeds] == ["x:mentions", "x:own", "x:search"]
    assert [feed.source.interval_seconds for feed in made.feeds] == [60, 60, 300]
    assert not any(feed.stream for feed in made.feeds)
    assert not made.checkers


def test_sources_of_one_app_share_its_one_stream(clock: Clock) -> None:
    made = PLATFORM.connect(
        [
            settings(listen="fernway", stream=True),
            settings(name="x-de", brand="de", handle="FernwayDE", listen="fernway de", stream=True),
        ],
        secrets_of(),
        clock,
    )

    streams = [feed.stream for feed in made.feeds if feed.stream is not None]
    assert len(streams) == 2
    assert streams[0] is streams[1]


@pytest.mark.parametrize(
    ("changes", "secrets", "words"),
    [
        ({"stream": True}, (), "needs something to `listen` for"),
        ({"stream": True, "listen": "a"}, ("CONSUMER_KEY",), "bearer token"),
        ({"direct_messages": True}, ("BEARER_TOKEN",), "direct messages need consumer key"),
        ({"monthly_budget_usd": 5}, (), "needs a store to count in"),
    ],
)
def test_what_cannot_work_is_said_before_it_starts(
    clock: Clock, changes: dict[str, Any], secrets: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        PLATFORM.connect([settings(**changes)], secrets_of(*secrets), clock)


def test_all_feeds_count_in_the_ledger_of_their_source(x: FakeX, ledger: StoreLedger) -> None:
    x.add_post("20", "@Fernway fernway")
    x.add_post("10", "our news")
    assert PLATFORM.metered is not None
    made = PLATFORM.metered(
        [settings(name="x-main", listen="fernway", base_url=x.url, bill_included=False)],
        secrets_of(),
        x.clock,
        ledger,
    )

    for feed in made.feeds:
        feed.source.fetch(None)

    assert ledger.spent("x-main", START) == Spent(10_000, 2)


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({}, Budget("x")),
        ({"monthly_budget_usd": 50}, Budget("x", 50_000_000)),
        ({"monthly_budget_usd": 0.29}, Budget("x", 290_000)),
        ({"monthly_budget_usd": "0.1"}, Budget("x", 100_000)),
        ({"monthly_reads": 20_000, "name": "x-de"}, Budget("x-de", None, 20_000)),
    ],
)
def test_a_budget_is_exact(given: dict[str, Any], budget: Budget) -> None:
    assert PLATFORM.budget(settings(**given)) == budget


@pytest.mark.parametrize(
    "given",
    [
        {"monthly_budget_usd": -1},
        {"monthly_budget_usd": "NaN"},
        {"monthly_reads": 1.5},
        {"deletion_looks_per_day": -1},
        {"prices": {"psot": 1}},
    ],
)
def test_a_budget_that_is_none_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)
