"""The report in a terminal."""

from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from answerback.rendering import ReportFormat, render
from desk.model.report import GroupBy, Scope
from tests.rendering.made import HOSTILE, breach, figures, gap, make_report, nothing

SMALL = """\
SLA report, 10 March 2026 (UTC)
Running clocks judged as of 2026-03-11 02:00 UTC.

7 of 10 complaints were answered (70 %).
  cases  answered  unanswered  resolved  dismissed  threads  thr. answered
     10         7           3         3          1       10              7

How long it took
────────────────
                           time     n         p25      median         p75         p90
  First response           wall     3  5 min 30 s      10 min  1 h 07 min  1 h 41 min
                           working  3  2 min 45 s  5 min 00 s      34 min      51 min
  Next response            wall     3  5 min 30 s      10 min  1 h 07 min  1 h 41 min
                           working  3  2 min 45 s  5 min 00 s      34 min      51 min
  Resolution               wall     3  5 min 30 s      10 min  1 h 07 min  1 h 41 min
                           working  3  2 min 45 s  5 min 00 s      34 min      51 min
  First response, threads  wall     2  3 min 15 s  5 min 30 s  7 min 45 s  9 min 06 s

Targets kept
────────────
                  kept  met  missed  running
  First response  70 %    7       3        0
  Next response   70 %    7       3        0
  Resolution      70 %    7       3        0
  Promised, standard: first response 30 min; round the clock

By brand
────────
           cases  answered  wall p50    wall p90  working p50  1st kept  missed
  Oakline      3      67 %    10 min  1 h 41 min   5 min 00 s      67 %       3
  Fernway      2      50 %    10 min  1 h 41 min   5 min 00 s      50 %       3
  p50 and p90 are of the first response; 1st kept: its target; missed: of any clock.

Targets missed
──────────────
  case  brand    channel  clock           due (UTC)         ended       by
  1     Fernway  X        First response  2026-03-10 08:01  still open
"""


def test_a_small_report_reads_like_this() -> None:
    report = make_report(by=GroupBy.BRAND, names=("Fernway", "Oakline"), breaches=[breach()])
    text = render(report, ReportFormat.TEXT)
    assert text[: len(SMALL)] == SMALL


def test_it_says_which_cases_count_and_what_answered_means() -> None:
    complaints, every = (
        " ".join(render(make_report(scope=scope), ReportFormat.TEXT).split()) for scope in Scope
    )
    assert "first post the classifier called a complaint" in complaints
    assert "threads opened by a setting" in every
    assert "answered once the brand has replied in public" in complaints


def test_public_figures_stand_beside_the_own_with_their_source() -> None:
    text = " ".join(render(make_report(), ReportFormat.TEXT).split())
    assert "Complaints left unanswered: here 30 %; elsewhere about a third" in text
    assert "Source: VB Insight" in text
    assert "Complaints left unanswered: here –;" in " ".join(render(nothing(), ReportFormat.TEXT).split())


def test_twenty_breaches_are_listed_and_the_rest_is_counted() -> None:
    text = render(make_report(breaches=[breach(n) for n in range(1, 1_026)]), ReportFormat.TEXT)
    assert text.count("still open") == 20
    assert "… and 1,005 more" in text


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text()), max_size=6))
def test_no_name_breaks_out_of_its_cell(names: list[str]) -> None:
    breaches = [breach(10**7, brand=name, source=name, agent=name) for name in names]
    big = figures(10**6, 999_999, waits=(10**7, 10**8))
    text = render(make_report(by=GroupBy.AGENT, names=names, breaches=breaches, total=big), ReportFormat.TEXT)
    lines = text.split("\n")
    assert not any(regex.search(r"[\p{C}\u2028\u2029]", line) for line in lines)
    assert max(cell_len(line) for line in lines) <= 100


def test_nothing_is_said_as_nothing() -> None:
    text = render(nothing(), ReportFormat.TEXT)
    assert "No complaint was opened in this period." in text
    assert "  None." in text


def test_what_may_be_missing_is_said_before_any_figure() -> None:
    said = render(make_report(missing=[gap(reason="X keeps\x1b[31m seven days.")] * 12), ReportFormat.TEXT)
    assert said.index("Posts may be missing") < said.index("How long it took")
    assert "x:search, 2026-03-10 08:00 – 2026-03-10 10:00 (UTC): X keeps" in said
    assert "\x1b" not in said
    assert "… and 2 more, later; the JSON report lists all of them." in said
    assert "may be missing" not in render(make_report(), ReportFormat.TEXT)


def test_copies_are_told_apart() -> None:
    assert "1 more post only repeats the words" in " ".join(
        render(make_report(copies=1), ReportFormat.TEXT).split()
    )
    assert "only repeat" not in render(make_report(), ReportFormat.TEXT)
