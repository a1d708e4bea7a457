"""`answerback classify`: a verdict a line, in order, whatever stands between."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Answerback
from tests.e2e.support import DEMO_DAY, assert_harmless, run_process

FIELDS = [
    "id", "complaint", "is_complaint", "needs_look", "sentiment", "anger", "abuse", "reason", "language",
    "model",
]  # fmt: skip


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_fields_order_and_ids(home: Path, answerback: Answerback) -> None:
    ids = ["b", "a", 7, None, {"nested": [1, "ü"]}]
    texts = ["my parcel is late", "x" * 9_000, "", "Danke für nichts", "\n\t "]
    records = [{"id": i, "text": t, "lang": "de"} for i, t in zip(ids, texts, strict=True)]
    done = answerback("classify", "--json", stdin=lines(*records, {"text": "no id"}))
    assert (done.code, done.err) == (0, "")
    assert [line["id"] for line in done.lines] == [*ids, None]
    for line in done.lines:
        assert list(line) == FIELDS
        assert isinstance(line["is_complaint"], bool)
        assert isinstance(line["needs_look"], bool)
        assert 0 <= line["complaint"] <= 1
        assert list(line["sentiment"]) == ["negative", "neutral", "positive"]
        assert sum(line["sentiment"].values()) == pytest.approx(1, abs=0.001)
        assert line["model"] == "tiny-2l"
    assert [line["language"] for line in done.lines[:5]] == ["de"] * 5


def test_a_text_is_judged_alike_alone_and_among_many(home: Path, answerback: Answerback) -> None:
    """Past one chunk the order holds, and neighbours do not change a verdict."""
    records = [{"id": n, "text": f"my parcel number {n} is late " * (n % 7 + 1)} for n in range(600)]
    done = answerback("classify", "--json", stdin=lines(*records))
    assert [line["id"] for line in done.lines] == list(range(600))
    alone = answerback("classify", "--json", stdin=lines(records[333]))
    assert alone.lines[0]["complaint"] == pytest.approx(done.lines[333]["complaint"], abs=2e-4)


def test_malformed_lines_are_named_by_number_and_the_rest_comes(home: Path, answerback: Answerback) -> None:
    (home / "posts.jsonl").write_bytes(
        lines({"id": 1, "text": "good"})
        + b"not json\n\n"
        + lines({"id": 4}, {"id": 5, "text": 5}, ["text"], {"id": 7, "text": "x", "lang": 3})
        + b'{"id": 8, "text": "\xff"}\n{"id": NaN, "text": "x"}\n'
        + lines({"id": 10, "text": "good"})
        + b'{"id": 11, "text": "cut of'
    )
    done = answerback("classify", "posts.jsonl", "--json")
    done.complains(code=1)
    assert [line["id"] for line in done.lines] == [1, 10]
    said = done.err.splitlines()
    assert [line.partition(":")[0] for line in said] == [
        f"posts.jsonl, line {number}" for number in (2, 4, 5, 6, 7, 8, 9, 11)
    ]
    assert '"text"' in said[1]
    assert '"lang" must be a string' in said[4]
    assert "not UTF-8 (byte 19)" in said[5]


@pytest.mark.parametrize("stdin", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_nothing_in_nothing_out(home: Path, answerback: Answerback, stdin: bytes) -> None:
    done = answerback("classify", "--json", stdin=stdin)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_byte_order_mark_windows_line_ends_and_no_last_newline(home: Path, answerback: Answerback) -> None:
    stdin = b'\xef\xbb\xbf{"id": 1, "text": "a"}\r\n\r\n{"id": 2, "text": "b"}'
    done = answerback("classify", "--json", stdin=stdin)
    assert (done.code, [line["id"] for line in done.lines]) == (0, [1, 2])


def test_the_table_is_for_reading(home: Path, answerback: Answerback) -> None:
    done = answerback("classify", stdin=lines({"text": "two\nlines " + "word " * 100}))
    (row,) = done.out.splitlines()
    assert row.endswith(" word")
    assert "two lines word" in row
    assert len(row) < 130


def test_a_gzipped_file_and_a_pipe_give_the_same(home: Path, answerback: Answerback) -> None:
    by_file = answerback("classify", DEMO_DAY, "--json")
    by_pipe = run_process("classify", "--json", cwd=home, stdin=gzip.decompress(DEMO_DAY.read_bytes()))
    assert by_file.code == by_pipe.code == 0
    assert by_file.out == by_pipe.out
    assert len(by_file.lines) == 234


def test_thresholds_of_the_config_decide(home: Path, tiny_weights: Path, answerback: Answerback) -> None:
    stdin = lines({"text": "my phone broke"})
    for threshold, expected in ((0.0, True), (1.0, False)):
        (home / "config.toml").write_text(
            f'[classifier]\nweights = "{tiny_weights}"\n'
            f"complaint_threshold = {threshold}\nlook_threshold = 0\n"
        )
        assert answerback("classify", "--json", stdin=stdin).lines[0]["is_complaint"] is expected


def test_words_that_moved_the_verdict_come_with_their_places(home: Path, answerback: Answerback) -> None:
    text = "\x1b[31mmy bank is not great, the phone broke"
    done = answerback("classify", "--json", "--explain", stdin=lines({"text": text}, {"text": ""}))
    assert (done.code, done.err) == (0, "")
    first, empty = done.lines
    assert first["explanation"]
    for word in first["explanation"]:
        assert text[word["start"] : word["end"]] == word["text"]
        assert word["weight"] != 0
    weights = [abs(word["weight"]) for word in first["explanation"]]
    assert weights == sorted(weights, reverse=True)
    assert empty["explanation"] == []
    plain = answerback("classify", "--explain", stdin=lines({"text": text}, {"text": ""}))
    assert_harmless(plain.out)
    rows = plain.out.splitlines()
    assert len(rows) == 4
    assert first["explanation"][0]["text"] in rows[1]
    assert "no word stands out" in rows[3]
