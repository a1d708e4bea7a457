"""The small sums behind the charts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from answerback.rendering.charts import Share, Wait, axis, nice_step, shares, waits
from answerback.rendering.time_steps import MOST_STEPS, columns_over_time
from desk.model.report import Day, Durations
from tests.rendering.made import make_report


@given(st.integers(1, 10**9))
def test_grid_lines_are_few_and_round(most: int) -> None:
    step = nice_step(most)
    assert 1 <= -(-most // step) <= 5
    assert str(step).rstrip("0") in {"1", "2", "5"}


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_the_axis_has_room_for_all_values(one: float, other: float) -> None:
    first, last = axis(min(one, other), max(one, other))
    assert first >= 0
    assert last - first >= 3


@given(st.lists(st.floats(0, 1e10), max_size=8))
def test_a_wait_of_any_length_stays_inside_the_drawing(seconds: list[float]) -> None:
    drawn = waits("w", "Waits", [Wait("All", Durations.of(seconds))])
    for x in re.findall(r' x\d?="([^"]+)"', drawn):
        assert 0 <= float(x) <= 760


def test_a_median_is_drawn_where_the_axis_has_it() -> None:
    drawn = waits("w", "Waits", [Wait("All", Durations.of([900]))])
    (median,) = re.findall(r'class="median" x1="([^"]+)"', drawn)
    (tick,) = re.findall(r'class="tick mid" x="([^"]+)" y="[^"]+">15 min<', drawn)
    assert median == tick


def test_bars_are_as_long_as_their_shares() -> None:
    drawn = shares("s", "Shares", [Share("a", 30, 10, 0), Share("b", 0, 0, 0)])
    good, bad = (
        float(re.findall(rf'class="{kind}"[^>]* width="([^"]+)"', drawn)[0]) for kind in ("good", "bad")
    )
    assert abs((good + 1) / (bad + 1) - 3) < 0.01


@given(st.sets(st.integers(0, 40_000), max_size=40), st.integers(1, 40_000))
def test_steps_of_time_are_few_and_lose_no_case(offsets: set[int], period_days: int) -> None:
    start = datetime(1990, 1, 1, tzinfo=UTC)
    days = tuple(Day(date(1990, 1, 1) + timedelta(days=n), n + 1, n) for n in sorted(offsets))
    report = make_report(
        days=0,
        opened_from=start,
        opened_to=start + timedelta(days=period_days),
        made_at=start + timedelta(days=period_days),
    )
    word, columns = columns_over_time(replace(report, days=days))
    assert word == "year" or len(columns) <= MOST_STEPS
    assert sum(column.opened for column in columns) == sum(day.opened for day in days)
    assert sum(column.answered for column in columns) == sum(day.answered for day in days)


def test_days_without_a_case_are_drawn_as_days() -> None:
    report = make_report(days=7)
    few = replace(report, days=(report.days[1], report.days[4]))
    word, columns = columns_over_time(few)
    assert word == "day"
    assert [column.opened for column in columns] == [0, 10, 0, 0, 10, 0, 0]


def test_days_to_come_are_not_drawn() -> None:
    report = make_report(days=2, opened_to=datetime(2026, 3, 20, tzinfo=UTC))
    assert [column.label for column in columns_over_time(report)[1]] == ["10 Mar", "11 Mar", "12 Mar"]
