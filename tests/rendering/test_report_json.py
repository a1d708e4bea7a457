"""The report as JSON, read back as a script would."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import regex

from answerback.rendering import ReportFormat, render
from desk.model.report import GroupBy
from desk.reporting import build
from tests.kernel import NOON, Desk, FakeSender, after, post
from tests.rendering.made import HOSTILE, breach, gap, make_report, nothing


def test_the_figures_of_a_desk_come_back_from_its_report(desk: Desk) -> None:
    desk.take(post("a"), post("b", thread="t2", by="ben"))
    desk.answer(FakeSender(), now=after(10), agent="mia", case=1)
    report = build(
        desk.store, opened_from=NOON, opened_to=after(hours=1), now=after(hours=2), by=GroupBy.AGENT
    )
    told = json.loads(render(report, ReportFormat.JSON))
    assert (told["cases"], told["answered"], told["unanswered"], told["answer_rate"]) == (2, 1, 1, 0.5)
    assert told["first_response_seconds"] == {"n": 1, "p25": 600.0, "p50": 600.0, "p75": 600.0, "p90": 600.0}
    assert told["sla"]["first_response"] == {"met": 1, "missed": 1, "running": 0, "rate": 0.5}
    assert told["threads"]["n"] == 2
    assert told["by"]["key"] == "agent"
    assert [group["name"] for group in told["by"]["groups"]] == ["(unanswered)", "mia"]
    assert [(one["case_id"], one["stopped_at"]) for one in told["breaches"]] == [(2, None)]
    assert told["policies"][0]["first_response_target_seconds"] == 3_600


def test_keys_keep_their_order_and_each_clock_says_wall_and_working_time() -> None:
    told = json.loads(render(make_report(), ReportFormat.JSON))
    assert list(told) == [
        "opened_from",
        "opened_to",
        "made_at",
        "scope",
        "cases",
        "answered",
        "unanswered",
        "answer_rate",
        "resolved",
        "first_response_seconds",
        "first_response_working_seconds",
        "next_response_seconds",
        "next_response_working_seconds",
        "resolution_seconds",
        "resolution_working_seconds",
        "sla",
        "dismissed",
        "threads",
        "by",
        "days",
        "policies",
        "breaches",
        "copies",
        "posts_may_be_missing",
    ]
    assert told["first_response_seconds"]["p50"] == 600
    assert told["first_response_working_seconds"]["p50"] == 300
    assert told["by"] is None


def test_times_are_utc_with_a_z() -> None:
    odd = datetime(2026, 3, 10, 6, 0, 0, 336_000, tzinfo=UTC)
    told = json.loads(render(make_report(opened_from=odd, breaches=[breach()]), ReportFormat.JSON))
    assert told["opened_from"] == "2026-03-10T06:00:00.336Z"
    assert told["opened_to"] == "2026-03-11T00:00:00Z"
    assert datetime.fromisoformat(told["breaches"][0]["due_at"]) == breach().due_at


def test_seconds_have_one_decimal_and_rates_four() -> None:
    exact = breach().due_at + timedelta(seconds=1)
    report = make_report(breaches=[breach(stopped_at=exact)])
    assert json.loads(render(report, ReportFormat.JSON))["answer_rate"] == 0.7
    text = render(make_report(by=GroupBy.BRAND, names=("a", "b")), ReportFormat.JSON)
    assert '"answer_rate": 0.6667' in text


def test_without_cases_there_are_no_figures_rather_than_noughts() -> None:
    told = json.loads(render(nothing(), ReportFormat.JSON))
    assert told["cases"] == 0
    assert told["answer_rate"] is None
    assert told["first_response_seconds"] == {"n": 0, "p25": None, "p50": None, "p75": None, "p90": None}


def test_hostile_names_come_back_unchanged_and_leave_a_terminal_alone() -> None:
    text = render(make_report(by=GroupBy.BRAND, names=(*HOSTILE, "half \ud83d")), ReportFormat.JSON)
    assert [group["name"] for group in json.loads(text)["by"]["groups"]] == [*HOSTILE, "half \ud83d"]
    assert not regex.search(r"\p{C}", text.replace("\n", ""))
    assert "株式会社" in text
    text.encode()


def test_gaps_and_copies() -> None:
    told = json.loads(render(make_report(missing=[gap()], copies=3), ReportFormat.JSON))
    assert told["copies"] == 3
    assert told["posts_may_be_missing"] == [
        {
            "source": "x:search",
            "since": "2026-03-10T08:00:00Z",
            "until": "2026-03-10T10:00:00Z",
            "reason": "X keeps seven days.",
        }
    ]
