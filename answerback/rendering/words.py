"""How a report says things: durations, shares, times, names, and what its words mean.

The text and the HTML report share these, so that two people who hold one each can talk to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import regex
from rich.cells import cell_len, set_cell_size

from desk.model.calendar import BusinessCalendar, Interval
from desk.model.case import Severity
from desk.model.platform import platform_of
from desk.model.report import Breach, Figures, GroupBy, Report, Scope
from desk.model.sla import Clock, SlaPolicy

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a report of everything begins: long before the first public post."""
NONE = "–"
"""Stands where there is no figure: not the same as nought."""

CLOCKS = {
    Clock.FIRST_RESPONSE: "First response",
    Clock.NEXT_RESPONSE: "Next response",
    Clock.RESOLUTION: "Resolution",
}

ANSWERED = (
    "A case is answered once the brand has replied in public, from this desk or in the platform's own app. "
    "A bot's reply and an internal note answer nobody."
)
TIMES = (
    "Wall time is what the customer waited. Working time counts only the business hours of the case's own "
    "calendar; targets are in working time. Resolution leaves out the time spent waiting on the customer."
)
TARGETS = (
    "Met: answered, or resolved, in time. Missed: the clock ran past its target, stopped or not. Running: "
    "not due yet, or closed before it was due without an answer; it counts neither way."
)
THREADS = "Several customers in one conversation are several cases, and one thread."

_SCOPES = {
    Scope.COMPLAINTS: (
        "Cases whose first post the classifier called a complaint, by the time of that post. Cases that it "
        "left for a person to judge, and cases that agents dismissed, are not counted."
    ),
    Scope.ALL: (
        "All cases, by the time of their first post: complaints, posts that the classifier left for a person "
        "to judge, and threads opened by a setting. Cases that agents dismissed are not counted."
    ),
}
_LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "pt": "Portuguese",
    "ru": "Russian",
    "tr": "Turkish",
    "und": "not told",
}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ALL_DAY: tuple[Interval, ...] = ((time(0), time(0)),)

_SPACE = regex.compile(r"\s+")
_UNSEEN = regex.compile(r"\p{C}")


def plain(value: str, limit: int = 60) -> str:
    """A name from outside on one line: no control, direction or other invisible characters, cut with a mark.

    Joiners go with them: a few emoji fall into their parts, which no name is told apart by.
    """
    shown: str = _UNSEEN.sub("", _SPACE.sub(" ", value[: limit * 8])).strip()
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def short(name: str, cells: int) -> str:
    """A plain name in at most as many cells, of which an ideograph takes two; cut with a mark."""
    return name if cell_len(name) <= cells else f"{set_cell_size(name, cells - 1).rstrip()}…"


def duration(seconds: float | None, *, days: bool = True) -> str:
    """For example "45 s", "4 min 05 s", "2 h 04 min", "3 d 5 h"; not in days for working time."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    if days and hours >= 72:
        return f"{hours // 24} d {hours % 24} h"
    if hours >= 100:
        return f"{hours:,} h"
    return f"{minutes // 60} h {minutes % 60:02} min"


def percent(share: float | None) -> str:
    """A share from 0 to 1; only all is 100 %, and only none is 0 %."""
    if share is None:
        return NONE
    whole = round(share * 100)
    if whole == 100 and share < 1:
        return "> 99 %"
    if whole == 0 and share > 0:
        return "< 1 %"
    return f"{whole} %"


def count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def moment(at: datetime) -> str:
    """To the minute, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def period(report: Report) -> str:
    """Whole days as the first and the last day that count; anything else with its times."""
    start, end = report.opened_from.astimezone(UTC), report.opened_to.astimezone(UTC)
    if start <= _BEGINNING:
        return f"everything until {moment(end)}"
    if start.time() == end.time() == time(0) and end > start:
        last = end - timedelta(days=1)
        if last.date() == start.date():
            return _day(start)
        from_year = f" {start.year}" if start.year != last.year else ""
        return f"{start.day} {start:%B}{from_year} – {_day(last)}"
    return f"{moment(start)} – {moment(end)}"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def scope(report: Report) -> str:
    """Which cases were counted, in a sentence or two."""
    return _SCOPES[report.scope]


def headline(report: Report) -> str:
    total = report.total
    what = "complaint" if report.scope is Scope.COMPLAINTS else "case"
    if not total.cases:
        return f"No {what} was opened in this period."
    verb = "was" if total.answered == 1 else "were"
    opened = count(total.cases, what, what + "s")
    if total.answered == total.cases:
        return f"The one {what} was answered." if total.cases == 1 else f"All {opened} were answered."
    return f"{total.answered:,} of {opened} {verb} answered ({percent(total.answer_rate)})."


def copies(report: Report) -> str:
    """What became of copies, in a sentence; empty where there were none."""
    if not report.copies:
        return ""
    number = count(report.copies, "more post only repeats", "more posts only repeat")
    return f"{number} the words of a counted case: retweets and campaigns. They are no cases."


MISSING = (
    "The platform could not give what was posted then: whoever wrote is in no figure here. "
    "It may also be that nobody wrote."
)


def group_title(by: GroupBy) -> str:
    return {GroupBy.DAY: "Day opened", GroupBy.AGENT: "First answer by"}.get(by, by.value.capitalize())


def group_name(by: GroupBy, name: str) -> str:
    match by:
        case GroupBy.CHANNEL:
            return plain(platform_of(name).title)
        case GroupBy.LANGUAGE:
            return _LANGUAGES.get(name, plain(name))
        case GroupBy.SEVERITY:
            return plain(name).capitalize()
        case _:
            return plain(name) or "(no name)"


def groups_in_order(report: Report) -> list[tuple[str, Figures]]:
    """Names made readable; days and severities in their own order, everything else with most cases first."""
    by = report.grouped_by
    if by is None:
        return []
    groups = list(report.groups)
    if by is GroupBy.SEVERITY:
        rank = {severity.word: -severity for severity in Severity}
        groups.sort(key=lambda group: rank.get(group[0], 1))
    elif by is not GroupBy.DAY:
        groups.sort(key=lambda group: (-group[1].cases, group[0]))
    return [(group_name(by, name), figures) for name, figures in groups]


def breach_end(breach: Breach) -> str:
    """What became of a breach; how late is in wall time."""
    if breach.stopped_at is None:
        return "still open"
    late = duration((breach.stopped_at - breach.due_at).total_seconds())
    if breach.clock is not Clock.RESOLUTION and breach.agent is None:
        return f"closed without answer, {late} late"
    return f"{late} late"


def targets(policy: SlaPolicy) -> str:
    """A policy's targets and hours on one line."""
    said = [
        f"{CLOCKS[clock].lower()} {_round(target)}"
        for clock in Clock
        if (target := policy.target_seconds(clock)) is not None
    ]
    return f"{', '.join(said) or 'no targets'}; {hours(policy.calendar)}"


def _round(seconds: int) -> str:
    return duration(seconds, days=False).removesuffix(" 00 min").removesuffix(" 00 s")


def hours(calendar: BusinessCalendar) -> str:
    """For example "Mon–Fri 09:00–17:00, Europe/Berlin"."""
    if all(day == _ALL_DAY for day in calendar.week) and not calendar.holidays:
        return "round the clock"
    parts, first = [], 0
    for index in range(1, 8):
        if index < 7 and calendar.week[index] == calendar.week[first]:
            continue
        if calendar.week[first]:
            days = _WEEKDAYS[first] + (f"–{_WEEKDAYS[index - 1]}" if index - 1 > first else "")
            parts.append(f"{days} {_shifts(calendar.week[first])}")
        first = index
    holidays = f", {count(len(calendar.holidays), 'holiday', 'holidays')} off" if calendar.holidays else ""
    return f"{', '.join(parts)}, {calendar.timezone}{holidays}"


def _shifts(shifts: Sequence[Interval]) -> str:
    return " and ".join(f"{opening:%H:%M}–{closing:%H:%M}" for opening, closing in shifts)
