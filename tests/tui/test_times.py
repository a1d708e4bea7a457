"""Countdowns, lengths and hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.model.case import Case, CaseState
from tests.kernel import NOON, Desk, after, post
from tui.times import Band, ago, band, clock, countdown, span


@pytest.fixture
def case(tmp_path: Path) -> Case:
    desk = Desk(tmp_path / "times.db")
    desk.take(post("1"))
    return desk.case()


@pytest.mark.parametrize(
    ("minutes", "words", "how"),
    [
        (0, "in 1h00", Band.FRESH),
        (29, "in 31m", Band.FRESH),
        (30, "in 30m", Band.SOON),
        (59.5, "in 30s", Band.SOON),
        (60, "late 0s", Band.OVERDUE),
        (185, "late 2h05", Band.OVERDUE),
        (60 * 24 * 3 + 60, "late 3d", Band.OVERDUE),
    ],
)
def test_a_running_clock(case: Case, minutes: float, words: str, how: Band) -> None:
    assert (countdown(case, after(minutes)), band(case, after(minutes))) == (words, how)


def test_a_case_without_a_clock_rests(case: Case) -> None:
    waiting = replace(case, state=CaseState.WAITING, due_at=None)
    assert (countdown(waiting, NOON), band(waiting, NOON)) == ("no clock", Band.RESTING)


def test_a_closed_case_is_never_late(case: Case) -> None:
    closed = replace(case, state=CaseState.RESOLVED)
    assert (countdown(closed, after(hours=9)), band(closed, after(hours=9))) == ("closed", Band.RESTING)


def test_a_snoozed_case_says_when_it_comes_back_unless_it_is_late(case: Case) -> None:
    snoozed = replace(case, state=CaseState.SNOOZED, snoozed_until=after(hours=3))
    assert countdown(snoozed, NOON) == "back 3h00"
    assert countdown(snoozed, after(hours=2)) == "late 1h00"


@given(st.integers(-(10**9), 10**9))
def test_every_countdown_fits_its_column(seconds: int) -> None:
    assert len(f"late {span(timedelta(seconds=seconds))}") <= 11


def test_ago() -> None:
    assert ago(NOON, after(0.5)) == "just now"
    assert ago(NOON, after(hours=5)) == "5h00 ago"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (after(-30), "12:30"),
        (after(days=-2), "Sun 13:00"),
        (after(days=-20), "28 Oct 13:00"),
        (after(days=-400), "13 Oct 2025"),
    ],
)
def test_hours_are_the_agents(moment: datetime, words: str) -> None:
    assert clock(moment, NOON, ZoneInfo("Europe/Berlin")) == words


def test_hours_elsewhere() -> None:
    assert clock(NOON, NOON, UTC) == "12:00"
