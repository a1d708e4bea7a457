"""How figures are said."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from answerback.rendering import words
from desk.model.calendar import ALWAYS_OPEN, BusinessCalendar
from desk.model.report import GroupBy
from desk.model.sla import Clock, SlaPolicy
from tests.rendering.made import breach, figures, make_report


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (599.6, "10 min"),
        (3_599, "1 h 00 min"),
        (7_440, "2 h 04 min"),
        (71 * 3_600, "71 h 00 min"),
        (77 * 3_600, "3 d 5 h"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_working_time_is_never_said_in_days_because_a_working_day_is_not_24_hours() -> None:
    assert words.duration(77 * 3_600, days=False) == "77 h 00 min"
    assert words.duration(1_234 * 3_600, days=False) == "1,234 h"


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "–"), (0, "0 %"), (0.001, "< 1 %"), (0.404, "40 %"), (0.999, "> 99 %"), (1, "100 %")],
)
def test_only_all_is_a_hundred_percent(share: float | None, said: str) -> None:
    assert words.percent(share) == said


@given(st.text(max_size=200))
def test_a_plain_name_has_nothing_invisible_and_one_line(name: str) -> None:
    shown = words.plain(name)
    assert not regex.search(r"[\p{C}\u2028\u2029]", shown)
    assert len(shown) <= 60


@given(st.text(max_size=60), st.integers(2, 30))
def test_a_short_name_takes_no_more_cells_than_it_may(name: str, cells: int) -> None:
    assert cell_len(words.short(words.plain(name), cells)) <= cells


@pytest.mark.parametrize(
    ("start", "days", "said"),
    [
        (datetime(2026, 3, 10, tzinfo=UTC), 1, "10 March 2026"),
        (datetime(2026, 3, 10, tzinfo=UTC), 7, "10 March – 16 March 2026"),
        (datetime(2025, 12, 29, tzinfo=UTC), 7, "29 December 2025 – 4 January 2026"),
        (datetime(2026, 3, 10, 6, tzinfo=UTC), 1, "2026-03-10 06:00 – 2026-03-11 06:00"),
        (datetime(1970, 1, 1, tzinfo=UTC), 20_522, "everything until 2026-03-10 00:00"),
    ],
)
def test_a_period_of_whole_days_names_its_last_day(start: datetime, days: int, said: str) -> None:
    assert words.period(make_report(opened_from=start, opened_to=start + timedelta(days=days))) == said


@pytest.mark.parametrize(
    ("cases", "answered", "said"),
    [
        (0, 0, "No complaint was opened in this period."),
        (1, 1, "The one complaint was answered."),
        (3, 3, "All 3 complaints were answered."),
        (3, 1, "1 of 3 complaints was answered (33 %)."),
        (1_200, 600, "600 of 1,200 complaints were answered (50 %)."),
    ],
)
def test_the_headline_is_a_sentence(cases: int, answered: int, said: str) -> None:
    assert words.headline(make_report(total=figures(cases, answered))) == said


def test_hours_are_put_together_by_weekday() -> None:
    day = ((time(9), time(13)), (time(14), time(18)))
    calendar = BusinessCalendar("shop", "Europe/Berlin", (day, day, day, day, day, day[:1], ()))
    assert words.hours(calendar) == "Mon–Fri 09:00–13:00 and 14:00–18:00, Sat 09:00–13:00, Europe/Berlin"
    assert words.hours(ALWAYS_OPEN) == "round the clock"


def test_targets_are_said_without_what_is_nought() -> None:
    policy = SlaPolicy("p", first_response_seconds=1_800, resolution_seconds=86_400)
    assert words.targets(policy) == "first response 30 min, resolution 24 h; round the clock"
    assert words.targets(SlaPolicy("p")) == "no targets; round the clock"


def test_the_largest_group_comes_first_but_days_and_severities_keep_their_order() -> None:
    by_brand = make_report(by=GroupBy.BRAND, names=("small", "large"))
    assert [name for name, _ in words.groups_in_order(by_brand)] == ["large", "small"]
    by_day = make_report(by=GroupBy.DAY, names=("2026-03-10", "2026-03-11"))
    assert [name for name, _ in words.groups_in_order(by_day)] == ["2026-03-10", "2026-03-11"]
    by_severity = make_report(by=GroupBy.SEVERITY, names=("high", "low", "urgent"))
    assert [name for name, _ in words.groups_in_order(by_severity)] == ["Urgent", "High", "Low"]


def test_a_breach_tells_how_it_ended() -> None:
    late = breach().due_at + timedelta(hours=2, minutes=4)
    assert words.breach_end(breach()) == "still open"
    assert words.breach_end(breach(stopped_at=late, agent="mia")) == "2 h 04 min late"
    assert words.breach_end(breach(stopped_at=late)) == "closed without answer, 2 h 04 min late"
    assert words.breach_end(breach(stopped_at=late, clock=Clock.RESOLUTION)) == "2 h 04 min late"
