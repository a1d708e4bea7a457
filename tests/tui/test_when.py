"""Times that agents write."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel import NOON, utc
from tui.when import parse, suggestions


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("90m", "2026-11-17 13:30"),
        ("in 2 hours", "2026-11-17 14:00"),
        ("3d", "2026-11-20 12:00"),
        ("17:30", "2026-11-17 17:30"),
        ("9", "2026-11-18 09:00"),
        ("11.45", "2026-11-18 11:45"),
        ("tomorrow", "2026-11-18 09:00"),
        ("tomorrow at 8:15", "2026-11-18 08:15"),
        ("fri 9:00", "2026-11-20 09:00"),
        ("tuesday", "2026-11-24 09:00"),
        ("2026-12-24 10:00", "2026-12-24 10:00"),
    ],
)
def test_what_agents_write(words: str, moment: str) -> None:
    assert parse(words, NOON, UTC) == utc(moment)


@pytest.mark.parametrize(
    "words", ["", "soon", "25:00", "2026-02-31", "2020-01-01", "today 9:00", "xyz 9:00", "7:99"]
)
def test_what_cannot_be_a_time_is_answered_with_a_sentence(words: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse(words, NOON, UTC)


@given(st.text(max_size=20))
def test_no_words_do_harm(words: str) -> None:
    try:
        assert parse(words, NOON, UTC) > NOON
    except ValueError as error:
        assert str(error).endswith(".")


def test_nine_in_the_morning_is_nine_on_the_agents_wall() -> None:
    before_the_change = datetime(2026, 10, 24, 20, tzinfo=UTC)
    moments = {m.words: m.at for m in suggestions(before_the_change, ZoneInfo("Europe/Berlin"))}
    assert moments["tomorrow at 9:00"] == utc("2026-10-25 08:00")
    assert moments["on Monday at 9:00"] == utc("2026-10-26 08:00")


def test_on_a_monday_monday_is_the_next_one() -> None:
    moments = {m.words: m.at for m in suggestions(utc("2026-11-16 08:00"), UTC)}
    assert moments["on Monday at 9:00"] == utc("2026-11-23 09:00")
