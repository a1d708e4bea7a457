"""Reading the data sets: splits that leak nothing, labels that say no more than the source does."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.data import DataError, Split, load_examples, read_rows, split_of
from tests.classifier.sets import SPLITS, Write, everything, source


def test_splits_have_the_stated_sizes() -> None:
    counts = Counter(split_of(f"text number {number}") for number in range(5_000))
    assert counts["test"] / 5_000 == pytest.approx(0.15, abs=0.02)
    assert counts["validation"] / 5_000 == pytest.approx(0.12, abs=0.02)


def test_near_identical_texts_never_straddle_a_split() -> None:
    for number in range(200):
        text = f"my card number {number} is blocked"
        assert split_of(text) == split_of(f"@bank {text.upper()}!!! https://t.co/{number}x")


def test_every_row_lands_in_one_split_and_near_duplicates_once(tmp_path: Path, write_rows: Write) -> None:
    texts = [f"text {number}" for number in range(200)]
    rows = [
        {"text": text, "complaint": 1, "lang": "en"} for text in [*texts, *(f"@x {text}!" for text in texts)]
    ]
    write_rows("complaints_en", rows)
    assert sorted(example.text for example in everything(tmp_path, "complaints_en")) == sorted(texts)


def test_a_limit_takes_the_same_sample_for_the_same_seed(tmp_path: Path, write_rows: Write) -> None:
    write_rows(
        "sentiment_tr", [{"text": f"güzel {number}", "sentiment": 1, "lang": "tr"} for number in range(6_000)]
    )
    first, again, other = (
        [one.text for one in load_examples(tmp_path, source("sentiment_tr"), "train", seed)]
        for seed in (1, 1, 2)
    )
    assert len(first) == source("sentiment_tr")[0].limit
    assert first == again != other


def test_each_sentiment_of_a_balanced_source_weighs_the_same_in_training_only(
    tmp_path: Path, write_rows: Write
) -> None:
    rows = [
        {"text": f"text {number}", "sentiment": -1 if number % 5 == 0 else number % 2, "lang": "en"}
        for number in range(1_000)
    ]
    write_rows("sentiment_en_semeval", rows)

    def weights(split: Split) -> dict[int, list[float]]:
        found: dict[int, list[float]] = {0: [], 1: [], 2: []}
        for example in load_examples(tmp_path, source("sentiment_en_semeval"), split, seed=1):
            assert example.sentiment is not None
            found[example.sentiment].append(example.sentiment_weight)
        return found

    learned = weights("train")
    total = sum(len(one) for one in learned.values())
    assert [sum(one) for one in learned.values()] == pytest.approx([total / 3] * 3)
    assert all(len(set(one)) == 1 for one in learned.values())
    assert {weight for one in weights("test").values() for weight in one} == {1.0}


def test_a_source_that_is_balanced_in_part_lets_rare_sentiments_weigh_more_but_not_as_much_in_sum(
    tmp_path: Path, write_rows: Write
) -> None:
    write_rows(
        "brands_ru",
        [
            {"text": f"текст {number}", "sentiment": 1 if number % 10 == 0 else 0, "lang": "ru"}
            for number in range(1_000)
        ],
    )
    found = load_examples(tmp_path, source("brands_ru"), "train", seed=1)
    sums = Counter[int | None]()
    for example in found:
        sums[example.sentiment] += example.sentiment_weight  # type: ignore[assignment]
    rare = sums[2] / sums.total()
    assert 0.15 < rare < 0.45
    assert sums.total() == pytest.approx(len(found))


def test_plain_json_lines_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_text('{"text": "hi"}\n', encoding="utf-8")
    assert list(read_rows(tmp_path / "plain.jsonl")) == [{"text": "hi"}]


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "hi"}\n{oops\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.jsonl, line 2: not JSON"):
        list(read_rows(tmp_path / "bad.jsonl"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b'{"text": "a"}\n{"text": "b", "complaint": "yes"}\n',
            "line 2: complaint must be one of 0, 1, not 'yes'",
        ),
        (b'{"text": "a", "sentiment": 5}\n', "line 1: sentiment must be one of -1, 0, 1, not 5"),
        (b'{"text": "a", "complaint": [1]}\n', r"line 1: complaint must be one of 0, 1, not \[1\]"),
        (
            b'{"text": "a", "sentiment": {"a": 1}}\n',
            "line 1: sentiment must be one of -1, 0, 1, not {'a': 1}",
        ),
        (b'{"text": "a", "anger": "much"}\n', "line 1: anger must be one of 0, 1, not 'much'"),
        (b'{"text": "a", "abuse": NaN}\n', "line 1: abuse must be one of 0, 1, not nan"),
        (
            b'{"text": "a", "offensive": "no"}\n',
            "line 1: offensive must be one of not-offensive, offensive, not 'no'",
        ),
        (b'{"text": "a", "offensive": ["offensive"]}\n', "line 1: offensive must be one of not-off"),
        (b'{"text": "a", "emotion": ["anger"]}\n', r"line 1: emotion must be a string, not \['anger'\]"),
        (b'{"text": "a", "reason": {"delay": 1}}\n', "line 1: reason must be a string, not {'delay': 1}"),
        (b'{"text": "a", "lang": 1}\n', "line 1: lang must be a string, not 1"),
        (b'{"text": "a", "domain": true}\n', "line 1: domain must be a string, not True"),
        (
            b'{"text": "a", "brand": ' + b"[" * 500 + b"]" * 500 + b"}\n",
            "line 1: brand must be a string, not",
        ),
        (b'{"text": "a"}\n\xff\xfe\n', "cannot be read after line"),
        (b"[" * 100_000, "line 1: not JSON"),
    ],
)
def test_a_damaged_file_is_said_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        list(read_rows(path))


def test_labels_that_are_null_are_no_fault(tmp_path: Path) -> None:
    fields = ("complaint", "sentiment", "anger", "offensive", "emotion", "reason", "lang", "domain", "brand")
    row = {"text": "a", **dict.fromkeys(fields)}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert list(read_rows(tmp_path / "rows.jsonl")) == [row]


@pytest.mark.parametrize(
    ("name", "row", "missing"),
    [
        ("complaints_en", {}, "complaint"),
        ("complaints_en", {"complaint": None}, "complaint"),
        ("complaints_tr_bank", {"complaint": 1}, "title"),
        ("sentiment_en_semeval", {"complaint": 0}, "sentiment"),
        ("sentiment_xlmt", {"lang": "de"}, "sentiment"),
        ("sentiment_tr", {}, "sentiment"),
        ("brands_ru", {"brand": "x"}, "sentiment"),
        ("emotion_tr", {}, "emotion"),
        ("emotion_en", {"emotion": None}, "emotion"),
        ("offensive_en", {}, "offensive"),
    ],
)
def test_a_row_without_its_sources_label_is_said_with_its_line(
    tmp_path: Path, write_rows: Write, name: str, row: dict[str, object], missing: str
) -> None:
    whole = {"complaint": 0, "sentiment": 0, "emotion": "joy", "offensive": "offensive", "title": "t"}
    write_rows(name, [{"text": "whole", **whole}, {"text": "bare", **row}])
    with pytest.raises(DataError, match=rf"{name}\.jsonl\.gz, line 2: no {missing}, .* needs\. Add it or"):
        everything(tmp_path, name)


def test_a_post_of_ours_with_a_strange_reason_is_said_with_its_line(
    tmp_path: Path, write_rows: Write
) -> None:
    row = {"text": "a", "complaint": 1, "sentiment": -1, "anger": 0, "abuse": 0}
    (own,) = source("own_posts")
    mine = replace(
        own, file=write_rows("mine", [{**row, "reason": None}, {**row, "reason": "x", "text": "b"}])
    )
    said = r"mine\.jsonl\.gz, line 2: cannot be learned from: reason must be one of delay, .*, not 'x'\."
    with pytest.raises(DataError, match=said):
        [load_examples(tmp_path, (mine,), split, seed=1) for split in SPLITS]


def test_a_truncated_gzip_is_said_and_not_taken_for_an_interrupt(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 1_000, mtime=0)[:-9])
    with pytest.raises(DataError, match="cannot be read after line"):
        list(read_rows(path))
