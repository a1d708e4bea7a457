"""Exports of a store, read back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.rendering import ExportFormat, write_export
from desk.model.mention import MentionId
from desk.store import export_view
from tests.kernel import NOON, Desk, FakeSender, after, brand_post, post

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def exported(rows: Iterator[dict[str, Any]], format: ExportFormat, **options: Any) -> str:
    stream = io.StringIO(newline="")
    write_export(rows, format, stream, **options)
    return stream.getvalue()


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def jsonl_rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """One case answered, one not, one post taken back by its author."""
    desk.take(
        post("a", "=SUM(A1) is all I get"),
        post("b", "Where is it?", after(1), thread="t2", by="ben"),
        post("c", "My address is 1 Mill Lane", after(2), thread="t3", by="cara"),
    )
    desk.answer(FakeSender(), now=after(10), case=1)
    desk.take(brand_post("n", at=after(12), thread="t2", reply_to="b"))
    desk.record(deleted=["bluesky:c"], now=after(20))
    return desk


def test_cases_come_back_with_readable_times(busy: Desk) -> None:
    rows = jsonl_rows(exported(export_view.cases(busy.store), ExportFormat.JSONL))
    assert [row["case_id"] for row in rows] == [1, 2, 3]
    first = rows[0]
    assert first["opened_at"] == "2026-11-17T12:00:00.000Z"
    assert first["first_response_at"] == "2026-11-17T12:10:00.000Z"
    assert (first["state"], first["severity"], first["assignee"]) == ("waiting", "normal", "mia")
    assert first["closed_at"] is None
    assert tuple(first) == export_view.CASE_COLUMNS


def test_cases_of_a_period_are_half_open(busy: Desk) -> None:
    rows = export_view.cases(busy.store, opened_from=after(1), opened_to=after(2))
    assert [row["case_id"] for row in rows] == [2]


def test_mentions_carry_verdict_and_decision(busy: Desk) -> None:
    rows = {row["mention_id"]: row for row in export_view.mentions(busy.store)}
    asked, native = rows["bluesky:a"], rows["bluesky:n"]
    assert tuple(asked) == export_view.MENTION_COLUMNS
    assert (asked["complaint"], asked["is_complaint"], asked["decision"]) == (0.9, True, "open")
    assert asked["reasons"] == "A complaint with 90%."
    assert (asked["private"], asked["automatic"]) == (False, False)
    assert (native["from_brand"], native["complaint"], native["case_id"]) == (True, None, 2)


@pytest.mark.parametrize("format", list(ExportFormat))
def test_of_a_deleted_post_only_that_it_was_there_is_exported(busy: Desk, format: ExportFormat) -> None:
    text = exported(export_view.mentions(busy.store), format)
    assert "bluesky:c" in text
    assert "Mill Lane" not in text
    assert "cara" not in text.lower()


def test_a_deleted_post_exports_no_text_even_where_the_table_still_has_some(busy: Desk) -> None:
    with busy.store.write() as db:
        db.execute("UPDATE mentions SET text = 'left over' WHERE id = 'bluesky:c'")
    rows = {row["mention_id"]: row for row in export_view.mentions(busy.store)}
    assert rows[MentionId("bluesky:c")]["text"] == ""


def test_events_come_in_the_order_of_their_record_with_their_details(busy: Desk) -> None:
    rows = jsonl_rows(exported(export_view.events(busy.store), ExportFormat.JSONL))
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert rows[0]["kind"] == "opened"
    assert rows[0]["data"]["brand"] == "fernway"
    as_csv = csv_rows(exported(export_view.events(busy.store), ExportFormat.CSV))
    assert json.loads(as_csv[0]["data"]) == rows[0]["data"]
    for row in rows:
        assert datetime.fromisoformat(row["at"]) >= NOON


def test_many_rows_come_page_by_page_and_each_once(desk: Desk) -> None:
    desk.record(*(post(f"p{n}", thread=f"t{n}") for n in range(1_203)))
    ids = [row["mention_id"] for row in export_view.mentions(desk.store)]
    assert ids == [f"bluesky:p{n}" for n in range(1_203)]


def test_a_store_can_be_written_to_between_two_rows(desk: Desk) -> None:
    desk.record(post("a"), post("b"))
    rows = export_view.mentions(desk.store)
    next(rows)
    desk.record(post("c"))
    rows.close()  # type: ignore[attr-defined]
    assert [row["mention_id"] for row in export_view.mentions(desk.store)] == [
        "bluesky:a",
        "bluesky:b",
        "bluesky:c",
    ]


@pytest.mark.parametrize("format", list(ExportFormat))
def test_rows_are_written_as_they_come(format: ExportFormat) -> None:
    stream = io.StringIO(newline="")
    seen: list[int] = []

    def rows() -> Iterator[dict[str, int]]:
        for n in range(3):
            seen.append(stream.getvalue().count("\n"))
            yield {"n": n}

    assert write_export(rows(), format, stream) == 3
    header = 1 if format is ExportFormat.CSV else 0
    assert seen == [0, 1 + header, 2 + header]


def test_an_empty_export_has_its_header_where_its_columns_are_known(desk: Desk) -> None:
    rows = export_view.cases(desk.store)
    text = exported(rows, ExportFormat.CSV, columns=export_view.CASE_COLUMNS)
    assert text == ",".join(export_view.CASE_COLUMNS) + "\r\n"
    assert exported(export_view.cases(desk.store), ExportFormat.JSONL) == ""


OBEYED = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
"""What a terminal or a viewer would act on; a file of words has no use for it."""


@given(TEXTS, st.sampled_from(["=", "+", "-", "@", "\t", "\r", ""]))
def test_text_never_starts_a_formula_and_is_otherwise_as_it_was(text: str, start: str) -> None:
    written = start + text
    (row,) = csv_rows(exported(iter([{"text": written, "n": 1}]), ExportFormat.CSV))
    assert not row["text"].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert not re.search(OBEYED, row["text"])
    seen = re.sub(OBEYED, "\ufffd", written)
    assert row["text"] in {seen, "'" + seen}
    assert row["n"] == "1"


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_stay_numbers_also_below_nought(number: float) -> None:
    (row,) = csv_rows(exported(iter([{"n": number}]), ExportFormat.CSV))
    assert float(row["n"]) == float(number)


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_json_lines_are_faithful_and_one_line_each(row: dict[str, Any]) -> None:
    text = exported(iter([row]), ExportFormat.JSONL)
    assert len(text.splitlines()) == 1
    assert json.loads(text) == row
    text.encode()
