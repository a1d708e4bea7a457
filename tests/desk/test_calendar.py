"""Business calendars: which instants count as working time.

The numbers in the names are those of the cases that every SLA implementation has to get right.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.errors import InputError
from desk.model.calendar import ALWAYS_OPEN, BusinessCalendar, Interval
from desk.model.sla import Clock, SlaPolicy
from desk.model.timeline import Span
from tests.kernel import utc

NINE_TO_FIVE: tuple[Interval, ...] = ((time(9), time(17)),)
MINUTE = 60


def office(
    zone: str = "UTC",
    day: tuple[Interval, ...] = NINE_TO_FIVE,
    holidays: frozenset[date] = frozenset(),
) -> BusinessCalendar:
    """Monday to Friday."""
    return BusinessCalendar("office", zone, (day,) * 5 + ((), ()), holidays)


def every_day(zone: str, day: tuple[Interval, ...]) -> BusinessCalendar:
    return BusinessCalendar("daily", zone, (day,) * 7)


def test_golden_friday_evening_carries_over_to_monday() -> None:
    """Case 3, the worked example; an answer at exactly 09:15:00 is in time."""
    posted, due = utc("2026-11-20 16:45"), utc("2026-11-23 09:15")
    policy = SlaPolicy("p", office(), first_response_seconds=30 * MINUTE)
    assert policy.calendar.add(posted, 30 * MINUTE) == due

    def breach(stopped: datetime | None, now: datetime) -> datetime | None:
        return Span(Clock.FIRST_RESPONSE, posted, stopped, policy).breached_at(now)

    late = utc("2026-11-30 12:00")
    assert breach(due, late) is None
    assert breach(due + timedelta(milliseconds=1), late) == due
    assert breach(None, due - timedelta(milliseconds=1)) is None
    assert breach(None, due) == due


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-11-17 07:00", "2026-11-17 09:30"),  # case 1: before hours
        ("2026-11-17 12:00", "2026-11-17 12:30"),  # case 1: inside
        ("2026-11-17 19:00", "2026-11-18 09:30"),  # case 1: after
        ("2026-11-17 09:00", "2026-11-17 09:30"),  # case 2: exactly at opening
        ("2026-11-17 17:00", "2026-11-18 09:30"),  # case 2: exactly at closing, which is no longer open
        (
            "2026-11-17 16:30",
            "2026-11-17 17:00",
        ),  # the target ends at closing: that instant, not the next day
        ("2026-11-21 12:00", "2026-11-23 09:30"),  # Saturday
    ],
)
def test_thirty_minutes_around_a_nine_to_five_day(start: str, due: str) -> None:
    assert office().add(utc(start), 30 * MINUTE) == utc(due)


def test_opening_and_closing_are_half_open() -> None:
    """Case 2."""
    calendar = office()
    second = timedelta(seconds=1)
    opening, closing = utc("2026-11-17 09:00"), utc("2026-11-17 17:00")
    assert calendar.seconds_between(opening - second, opening) == 0
    assert calendar.seconds_between(opening, opening + second) == 1
    assert calendar.seconds_between(closing - second, closing + second) == 1
    assert calendar.seconds_between(closing, closing + second) == 0
    assert calendar.seconds_between(closing, opening) == 0


def test_split_shifts_leave_out_the_break() -> None:
    """Case 4."""
    calendar = office(day=((time(9), time(12)), (time(14), time(17))))
    assert calendar.add(utc("2026-11-17 11:50"), 20 * MINUTE) == utc("2026-11-17 14:10")
    assert calendar.seconds_between(utc("2026-11-17 11:00"), utc("2026-11-17 15:00")) == 2 * 3600
    assert calendar.seconds_between(utc("2026-11-17 12:30"), utc("2026-11-17 13:30")) == 0


def test_split_shifts_may_be_given_in_any_order() -> None:
    """Case 4."""
    calendar = office(day=((time(14), time(17)), (time(9), time(12))))
    assert calendar.add(utc("2026-11-17 08:00"), 20 * MINUTE) == utc("2026-11-17 09:20")


def test_a_day_of_twenty_four_hours_counts_every_second() -> None:
    """Case 5."""
    start, end = utc("2026-02-27 23:59:59"), utc("2026-03-05 00:00:01")
    assert ALWAYS_OPEN.seconds_between(start, end) == (end - start).total_seconds()
    assert ALWAYS_OPEN.add(start, 3 * 86_400) == start + timedelta(days=3)


@pytest.mark.parametrize("days", [0, 1, 6, 8])
def test_a_week_has_seven_days(days: int) -> None:
    with pytest.raises(InputError, match=f"expected seven days, got {days}"):
        BusinessCalendar("odd", "UTC", (NINE_TO_FIVE,) * days)


def test_a_week_without_hours_is_refused() -> None:
    """Case 6."""
    with pytest.raises(InputError, match="Calendar never has no working hours"):
        BusinessCalendar("never", "UTC", ((),) * 7)


def test_a_calendar_whose_holidays_swallow_its_hours_says_so_instead_of_looping() -> None:
    """Case 6: the only working day is a holiday for years."""
    sundays = frozenset(date(2026, 1, 4) + timedelta(weeks=week) for week in range(600))
    calendar = BusinessCalendar("sundays", "UTC", ((),) * 6 + (NINE_TO_FIVE,), sundays)
    with pytest.raises(
        InputError, match="Calendar sundays has no working hours within three years of 2026-11"
    ):
        calendar.add(utc("2026-11-17 12:00"), 60)


def test_a_shift_across_midnight_belongs_to_the_day_it_begins() -> None:
    """Case 7: Friday's night shift runs into Saturday, Sunday's does not exist."""
    calendar = office(day=((time(22), time(6)),))
    assert calendar.seconds_between(utc("2026-11-20 23:00"), utc("2026-11-22 12:00")) == 7 * 3600
    assert calendar.add(utc("2026-11-21 05:30"), 3600) == utc("2026-11-23 22:30")
    # Early on Monday nobody works: Sunday had no shift.
    assert calendar.seconds_between(utc("2026-11-23 00:00"), utc("2026-11-23 06:00")) == 0


def test_a_night_shift_that_begins_on_a_holiday_is_left_out_whole() -> None:
    """Cases 7 and 12."""
    calendar = office(day=((time(22), time(6)),), holidays=frozenset({date(2026, 11, 17)}))
    assert calendar.seconds_between(utc("2026-11-17 07:00"), utc("2026-11-18 07:00")) == 0
    assert calendar.seconds_between(utc("2026-11-16 23:00"), utc("2026-11-17 07:00")) == 7 * 3600


def test_spring_forward_inside_hours_takes_an_hour_away() -> None:
    """Case 8: Berlin, 29 March 2026, 02:00 becomes 03:00."""
    calendar = every_day("Europe/Berlin", ((time(0), time(8)),))
    assert calendar.seconds_between(utc("2026-03-28 12:00"), utc("2026-03-29 12:00")) == 7 * 3600
    # 01:30 CET and two working hours: 04:30 CEST.
    assert calendar.add(utc("2026-03-29 00:30"), 2 * 3600) == utc("2026-03-29 02:30")


def test_fall_back_inside_hours_gives_an_hour_more() -> None:
    """Case 9: Berlin, 25 October 2026, 03:00 becomes 02:00."""
    calendar = every_day("Europe/Berlin", ((time(0), time(8)),))
    assert calendar.seconds_between(utc("2026-10-24 12:00"), utc("2026-10-25 12:00")) == 9 * 3600
    # 01:30 CEST and two working hours: 02:30 CET, the second time that the clock shows it.
    assert calendar.add(utc("2026-10-24 23:30"), 2 * 3600) == utc("2026-10-25 01:30")


def test_office_hours_move_in_utc_when_the_clocks_change() -> None:
    calendar = BusinessCalendar("berlin", "Europe/Berlin", (NINE_TO_FIVE,) * 7)
    assert calendar.add(utc("2026-03-28 00:00"), 60) == utc("2026-03-28 08:01")
    assert calendar.add(utc("2026-03-29 00:00"), 60) == utc("2026-03-29 07:01")


def test_an_opening_that_does_not_exist_that_day_is_when_the_clock_gets_there() -> None:
    """Case 10: 02:30 is skipped, so the shop opens at 03:30 summer time and works half an hour less."""
    calendar = every_day("Europe/Berlin", ((time(2, 30), time(6)),))
    assert calendar.add(utc("2026-03-29 00:00"), 0) == utc("2026-03-29 01:30")
    assert calendar.seconds_between(utc("2026-03-29 00:00"), utc("2026-03-29 12:00")) == 2.5 * 3600


def test_a_shift_inside_the_skipped_hour_is_worked_an_hour_later_by_the_wall() -> None:
    """Case 10: 02:15 to 02:45 becomes 03:15 to 03:45 summer time."""
    calendar = every_day("Europe/Berlin", ((time(2, 15), time(2, 45)),))
    assert calendar.add(utc("2026-03-29 00:00"), 0) == utc("2026-03-29 01:15")
    assert calendar.seconds_between(utc("2026-03-29 00:00"), utc("2026-03-29 12:00")) == 1800


@pytest.mark.parametrize(
    "calendar",
    [
        every_day("UTC", ((time(9), time(13)), (time(12), time(17)))),
        every_day("UTC", ((time(9), time(17)), (time(10), time(11)))),
        BusinessCalendar("night", "UTC", (((time(22), time(14)),), ((time(9), time(17)),)) + ((),) * 5),
    ],
    ids=["overlap", "nested", "night shift into the next day's"],
)
def test_shifts_that_overlap_count_once(calendar: BusinessCalendar) -> None:
    tuesday = utc("2026-11-17 09:00")
    assert calendar.seconds_between(tuesday, utc("2026-11-17 17:00")) == 8 * 3600
    assert calendar.add(tuesday, 8 * 3600) == utc("2026-11-17 17:00")


def test_a_shift_that_the_clock_change_pushes_into_another_counts_once() -> None:
    calendar = every_day("Europe/Berlin", ((time(2, 15), time(2, 45)), (time(3), time(4))))
    assert calendar.seconds_between(utc("2026-03-29 00:00"), utc("2026-03-29 12:00")) == 3600


def test_an_ambiguous_opening_and_closing_are_the_first_of_the_two() -> None:
    """Case 11: 02:30 comes twice on 25 October 2026; PEP 495's fold 0 is the first, 00:30 UTC."""
    opens = every_day("Europe/Berlin", ((time(2, 30), time(6)),))
    assert opens.add(utc("2026-10-24 23:00"), 0) == utc("2026-10-25 00:30")
    closes = every_day("Europe/Berlin", ((time(0), time(2, 30)),))
    assert closes.seconds_between(utc("2026-10-24 22:00"), utc("2026-10-25 12:00")) == 2.5 * 3600


def test_a_holiday_on_a_working_day_does_not_count() -> None:
    """Case 12, with the dates of the `holidays` package: German Unity Day 2025 is a Friday."""
    germany = frozenset(holidays.country_holidays("DE", years=2025))
    calendar = office("Europe/Berlin", holidays=germany)
    assert calendar.add(utc("2025-10-02 14:50"), 20 * MINUTE) == utc("2025-10-06 07:10")


@pytest.mark.parametrize(
    ("holiday", "start", "due"),
    [
        ("2026-11-30", "2026-11-27 16:50", "2026-12-01 09:10"),  # the month's last day
        ("2026-12-31", "2026-12-30 16:50", "2027-01-01 09:10"),  # the year's last day
        ("2027-01-01", "2026-12-31 16:50", "2027-01-04 09:10"),  # the year's first day
        ("2028-02-29", "2028-02-28 16:50", "2028-03-01 09:10"),  # 29 February
    ],
)
def test_a_holiday_at_the_end_of_a_month_or_year_or_on_a_leap_day(holiday: str, start: str, due: str) -> None:
    """Case 13."""
    calendar = office(holidays=frozenset({date.fromisoformat(holiday)}))
    assert calendar.add(utc(start), 20 * MINUTE) == utc(due)


def test_a_holiday_is_a_date_in_the_calendars_zone() -> None:
    """Case 14: Tokyo's Tuesday 3 November begins on Monday 15:00 UTC, its office hours at 00:00 UTC."""
    calendar = office("Asia/Tokyo", holidays=frozenset({date(2026, 11, 3)}))
    assert calendar.seconds_between(utc("2026-11-02 09:00"), utc("2026-11-03 23:59")) == 0
    assert calendar.add(utc("2026-11-02 07:50"), 20 * MINUTE) == utc("2026-11-04 00:10")
    # In Los Angeles the same date's office hours reach into 4 November UTC.
    west = office("America/Los_Angeles", holidays=frozenset({date(2026, 11, 3)}))
    assert west.seconds_between(utc("2026-11-03 12:00"), utc("2026-11-04 08:00")) == 0
    assert west.seconds_between(utc("2026-11-02 12:00"), utc("2026-11-03 08:00")) == 8 * 3600


def test_years_of_working_time_are_counted_to_the_end() -> None:
    """A report on an old case must not stop counting where a due time would stop being sought."""
    start, end = utc("2015-01-01 00:00"), utc("2025-01-01 00:00")
    assert ALWAYS_OPEN.seconds_between(start, end) == (end - start).total_seconds()


CALENDARS = [
    ALWAYS_OPEN,
    office("Europe/Berlin", holidays=frozenset({date(2026, 11, 18), date(2026, 12, 25)})),
    office("America/New_York", day=((time(8), time(11, 30)), (time(13), time(18)))),
    every_day("Europe/London", ((time(22), time(6)),)),
    every_day("Australia/Lord_Howe", ((time(0, 15), time(4, 45)),)),
]
calendars = st.sampled_from(CALENDARS)
moments = st.integers(0, 2 * 365 * 86_400_000).map(
    lambda milliseconds: utc("2026-01-01 00:00") + timedelta(milliseconds=milliseconds)
)
targets = st.integers(1, 14 * 86_400)


@given(calendars, moments, targets)
def test_law_adding_and_counting_are_inverse(
    calendar: BusinessCalendar, start: datetime, seconds: int
) -> None:
    due = calendar.add(start, seconds)
    assert calendar.seconds_between(start, due) == seconds
    # The first such instant: a moment earlier it was less.
    assert calendar.seconds_between(start, due - timedelta(milliseconds=1)) < seconds


@given(calendars, moments, moments, targets)
def test_law_who_starts_later_is_due_no_sooner(
    calendar: BusinessCalendar, one: datetime, other: datetime, seconds: int
) -> None:
    first, second = sorted((one, other))
    assert calendar.add(first, seconds) <= calendar.add(second, seconds)


@given(calendars, moments, targets, targets)
def test_law_two_targets_add_up(calendar: BusinessCalendar, start: datetime, one: int, other: int) -> None:
    assert calendar.add(calendar.add(start, one), other) == calendar.add(start, one + other)


@given(calendars, st.lists(moments, min_size=3, max_size=3))
def test_law_neighbouring_stretches_add_up(calendar: BusinessCalendar, three: list[datetime]) -> None:
    a, b, c = sorted(three)
    between = calendar.seconds_between
    assert between(a, b) + between(b, c) == pytest.approx(between(a, c), abs=1e-6)
    assert 0 <= between(a, b) <= (b - a).total_seconds()


@given(calendars, moments, moments)
def test_law_the_zone_of_the_arguments_does_not_matter(
    calendar: BusinessCalendar, one: datetime, other: datetime
) -> None:
    start, end = sorted((one, other))
    elsewhere = ZoneInfo("Asia/Kathmandu")
    assert calendar.seconds_between(start.astimezone(elsewhere), end.astimezone(elsewhere)) == (
        calendar.seconds_between(start, end)
    )
