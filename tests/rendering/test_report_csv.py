"""The report as CSV, read back as a spreadsheet would."""

from __future__ import annotations

import csv
import io
import re

from hypothesis import given
from hypothesis import strategies as st

from answerback.rendering import ReportFormat, render
from answerback.rendering.report_csv import COLUMNS
from desk.model.report import GroupBy, Report
from tests.rendering.made import HOSTILE, gap, make_report, nothing

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows_of(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(report, ReportFormat.CSV), newline="")))


def value(rows: list[dict[str, str]], **wanted: str) -> float:
    (found,) = [row for row in rows if all(row[name] == text for name, text in wanted.items())]
    return float(found["value"])


def test_every_figure_is_found_by_what_it_is() -> None:
    rows = rows_of(make_report(by=GroupBy.BRAND, names=("Fernway", "Oakline"), days=2))
    assert tuple(rows[0]) == COLUMNS
    assert value(rows, key="total", metric="cases") == 10
    assert value(rows, key="total", metric="answer_rate") == 0.7
    first = {"key": "total", "clock": "first_response"}
    assert value(rows, **first, metric="p50", unit="wall seconds") == 600
    assert value(rows, **first, metric="p50", unit="working seconds") == 300
    assert value(rows, **first, metric="missed") == 3
    assert value(rows, key="brand", group="Oakline", metric="answered") == 2
    assert value(rows, key="day", group="2026-03-11", metric="answered") == 7
    assert value(rows, **first, metric="threads_p50") == 330


def test_no_figure_stands_twice() -> None:
    for by in GroupBy:
        names = ("2026-03-10",) if by is GroupBy.DAY else ("one", "two")
        rows = rows_of(make_report(by=by, names=names))
        keys = [tuple(row[name] for name in COLUMNS[:-1]) for row in rows]
        assert len(keys) == len(set(keys))


def test_values_are_numbers_or_nothing() -> None:
    for report in (make_report(days=3), nothing()):
        for row in rows_of(report):
            assert row["value"] == "" or float(row["value"]) >= 0
            assert row["opened_from"] == "2026-03-10T00:00:00Z"


OBEYED = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"


@given(
    st.lists(
        st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]))), max_size=5
    )
)
def test_no_name_starts_a_formula_and_each_comes_back(names: list[str]) -> None:
    rows = rows_of(make_report(by=GroupBy.BRAND, names=names))
    groups = [row["group"] for row in rows if row["key"] == "brand" and row["metric"] == "resolved"]
    assert not any(group.startswith(FORMULA) for group in groups)
    seen = [re.sub(OBEYED, "\ufffd", name) for name in names]
    assert [group.removeprefix("'") for group in groups] == [name.removeprefix("'") for name in seen]


def test_gaps_and_copies_are_counted() -> None:
    text = render(make_report(missing=[gap()], copies=3), ReportFormat.CSV)
    assert ",total,,,copies,posts,3\r\n" in text
    assert ",total,,,gaps,gaps,1\r\n" in text
