"""What a store says of itself: reports in four forms, rows in two."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Answerback
from tests.e2e.support import a_busy_day, contents
from tests.fakes.replay_file import post, write

CONFIG = """
[classifier]
weights = "{weights}"

[[sla.calendars]]
name = "office"
timezone = "Europe/Berlin"
monday = ["09:00-17:00"]
tuesday = ["09:00-17:00"]
wednesday = ["09:00-17:00"]

[[sla.policies]]
name = "office hours"
calendar = "office"
first_response = "1h"
next_response = "2h"

[[sla.rules]]
policy = "office hours"
"""


@pytest.fixture
def store(home: Path, tiny_weights: Path, answerback: Answerback) -> Path:
    (home / "config.toml").write_text(CONFIG.format(weights=tiny_weights), encoding="utf-8")
    write(home / "day.jsonl", a_busy_day(150))
    assert answerback("replay", "day.jsonl", "--db", "a.db", "--every-thread").code == 0
    return home / "a.db"


def test_the_json_report(store: Path, answerback: Answerback) -> None:
    told = answerback("report", "--db", store, "--of", "all", "--format", "json").json
    assert told["cases"] == told["answered"] + told["unanswered"] == len(contents(store)["cases"])
    for clock in ("first_response", "next_response"):
        wall, working = told[f"{clock}_seconds"], told[f"{clock}_working_seconds"]
        assert list(wall) == list(working) == ["n", "p25", "p50", "p75", "p90"]
        assert wall["n"] == working["n"] > 0
        assert wall["p25"] <= wall["p50"] <= wall["p75"] <= wall["p90"]
        assert working["p50"] <= wall["p50"]
    # 2024-05-01 is a Wednesday: what is answered after 17:00 in Berlin took less working time than wall time.
    assert told["first_response_working_seconds"]["p90"] < told["first_response_seconds"]["p90"]


def test_one_case_by_hand(home: Path, tiny_weights: Path, answerback: Answerback) -> None:
    """Asked at 16:30 in Berlin on a Wednesday, answered at 18:00: 90 minutes on the wall, 30 of work."""
    (home / "config.toml").write_text(CONFIG.format(weights=tiny_weights), encoding="utf-8")
    asked = post(1, created_at="2024-05-01T14:30:00Z", conversation_id="c")
    answer = post(
        2,
        created_at="2024-05-01T16:00:00Z",
        conversation_id="c",
        in_reply_to="1",
        from_brand=True,
        author={"id": "b", "handle": "brand"},
    )
    write(home / "day.jsonl", [asked, answer])
    answerback("replay", "day.jsonl", "--db", "a.db", "--every-thread")
    told = answerback("report", "--db", "a.db", "--of", "all", "--format", "json").json
    assert (told["cases"], told["answered"], told["unanswered"]) == (1, 1, 0)
    assert told["first_response_seconds"]["p50"] == 5_400
    assert told["first_response_working_seconds"]["p50"] == 1_800
    assert told["sla"]["first_response"] == {"met": 1, "missed": 0, "running": 0, "rate": 1.0}


@pytest.mark.parametrize("by", ["brand", "channel", "agent", "severity", "language", "policy", "day"])
def test_every_grouping_adds_up(store: Path, answerback: Answerback, by: str) -> None:
    told = answerback("report", "--db", store, "--of", "all", "--by", by, "--format", "json").json
    assert told["by"]["key"] == by
    assert sum(group["cases"] for group in told["by"]["groups"]) == told["cases"]


def test_from_and_to_split_the_day(store: Path, answerback: Answerback) -> None:
    def cases(*args: str) -> int:
        return int(
            answerback("report", "--db", store, "--of", "all", "--format", "json", *args).json["cases"]
        )

    noon = "2024-05-01T12:00"
    assert cases("--from", noon) + cases("--to", noon) == cases() > 0
    assert 0 < cases("--to", noon) < cases()
    assert cases("--to", noon) == cases("--to", "2024-05-01T14:00+02:00")
    assert cases("--from", "7d") == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--from", "yesterday"),
        ("--from", "99999999999d"),
        ("--from", "0001-01-01T00:00+14:00"),
        ("--from", "2024-05-02", "--to", "2024-05-01"),
        ("--by", "moon"),
        ("--format", "pdf"),
    ],
)
def test_what_cannot_be_meant(store: Path, answerback: Answerback, args: tuple[str, ...]) -> None:
    answerback("report", "--db", store, *args).complains("answerback: ", args[1])


def test_the_other_forms_come_out(store: Path, home: Path, answerback: Answerback) -> None:
    text = answerback("report", "--db", store, "--of", "all", "--by", "channel").out
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "First response" in text
    page = answerback("report", "--db", store, "--format", "html").out
    assert page.startswith("<!")
    assert "</html>" in page
    done = answerback("report", "--db", store, "--format", "csv", "--out", "week.csv")
    assert (done.out, done.err) == ("", "Wrote week.csv.\n")
    written = (home / "week.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    assert len(list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))) > 1
    answerback("report", "--db", store, "--out", "no/such/folder.txt").complains("Cannot write no/such")


@pytest.mark.parametrize("what", ["cases", "mentions", "events"])
def test_exports_hold_every_row_in_both_forms(
    store: Path, home: Path, answerback: Answerback, what: str
) -> None:
    objects = answerback("export", "--db", store, "--what", what, "--format", "jsonl").lines
    table = answerback("export", "--db", store, "--what", what, "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert len(objects) == len(rows) == len(contents(store)[what]) > 0
    assert list(rows[0]) == list(objects[0])
    done = answerback("export", "--db", store, "--what", what, "--out", f"{what}.csv")
    assert done.err == f"Wrote {len(rows)} {what} to {what}.csv.\n"
    assert (home / f"{what}.csv").read_bytes().decode("utf-8-sig") == table


def test_an_export_of_nothing_still_has_its_header(home: Path, answerback: Answerback) -> None:
    write(home / "day.jsonl", [])
    answerback("replay", "day.jsonl", "--db", "a.db")
    assert answerback("export", "--db", "a.db").out.startswith("case_id,")
    assert answerback("export", "--db", "a.db", "--format", "jsonl").out == ""


def test_a_formula_stays_text_in_csv_and_itself_in_json(home: Path, answerback: Answerback) -> None:
    formula = '=HYPERLINK("http://evil.example","click")'
    write(home / "day.jsonl", [post(1, text=formula)])
    answerback("replay", "day.jsonl", "--db", "a.db")
    table = answerback("export", "--db", "a.db", "--what", "mentions").out
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert row["text"] == "'" + formula
    out = answerback("export", "--db", "a.db", "--what", "mentions", "--format", "jsonl").out
    assert json.loads(out)["text"] == formula
