"""Reading the data sets: splits that leak nothing, labels that say no more than the source does."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classifier import data
from classifier.annotation import (
    COMPLAINT_GRADES,
    HELD_OUT,
    HELD_OUT_PLAIN,
    KEY_LENGTH,
    PLAIN,
    POSTS,
    SENTIMENT_GRADES,
    TWEETS,
    Annotation,
    all_annotations,
)
from classifier.data import SOURCES, DataError, Example, Split, Target, load_examples, read_rows, split_of
from classifier.labels import LANGUAGES
from classifier.text import fingerprint
from desk.model.reason import GENERAL_REASONS, OTHER

Write = Callable[[str, list[dict[str, object]]], Path]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def source(name: str) -> tuple:
    return tuple(one for one in SOURCES if one.name == name)


def everything(folder: Path, name: str) -> list[Example]:
    return [example for split in SPLITS for example in load_examples(folder, source(name), split, seed=1)]


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


def test_hindi_tweets_teach_what_a_reader_said_and_not_their_label(
    tmp_path: Path, write_rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(
        "sentiment_xlmt",
        [
            {"text": "kya baat hai", "sentiment": -1, "lang": "hi"},
            {"text": "koi nahi padha", "sentiment": -1, "lang": "hi"},
            {"text": "che bello", "sentiment": 1, "lang": "it"},
        ],
    )
    happy = SENTIMENT_GRADES["P"]
    read = {("sentiment_xlmt", fingerprint("kya baat hai")[:KEY_LENGTH]): Annotation(feeling=happy)}
    monkeypatch.setattr(data, "all_annotations", lambda: read)
    found = {one.text: one.target("sentiment") for one in everything(tmp_path, "sentiment_xlmt")}
    assert found["kya baat hai"] == Target(happy, 1.0)
    assert found["koi nahi padha"].weight == 0.0
    assert found["che bello"] == Target((0.0, 0.0, 1.0), 1.0)


def test_what_people_labelled_and_a_reader_graded_is_learned_halfway_between(
    tmp_path: Path, write_rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows("complaints_en", [{"text": "late again?", "complaint": 1, "lang": "en"}])
    write_rows("sentiment_en_semeval", [{"text": "ok then", "sentiment": 0, "lang": "en"}])
    notes = {
        ("complaints_en", fingerprint("late again?")[:KEY_LENGTH]): Annotation(COMPLAINT_GRADES["o"]),
        ("sentiment_en_semeval", fingerprint("ok then")[:KEY_LENGTH]): Annotation(feeling=(0.6, 0.4, 0.0)),
    }
    monkeypatch.setattr(data, "all_annotations", lambda: notes)
    (complaint,) = everything(tmp_path, "complaints_en")
    assert complaint.complaint == pytest.approx((1 + COMPLAINT_GRADES["o"]) / 2)
    (tweet,) = everything(tmp_path, "sentiment_en_semeval")
    assert tweet.target("sentiment").shares == pytest.approx((0.3, 0.7, 0.0))
    assert (tweet.sentiment, tweet.complaint) == (1, None)


def test_airlines_are_never_trained_on() -> None:
    assert "airlines_en" not in {one.name for one in SOURCES}


def test_turkish_polarity_teaches_no_neutral_and_anger_no_complaint(
    tmp_path: Path, write_rows: Write
) -> None:
    write_rows(
        "sentiment_tr",
        [{"text": "berbat", "sentiment": -1, "lang": "tr"}, {"text": "harika", "sentiment": 1, "lang": "tr"}],
    )
    found = {example.text: example for example in everything(tmp_path, "sentiment_tr")}
    assert all(example.polar for example in found.values())
    assert (found["berbat"].sentiment, found["berbat"].complaint) == (0, None)
    assert (found["harika"].sentiment, found["harika"].complaint) == (2, 0.0)


@pytest.mark.parametrize(
    ("emotion", "sentiment", "complaint"), [("kızgın", 0, None), ("mutlu", 2, 0.0), ("korku", None, 0.0)]
)
def test_turkish_emotions(
    tmp_path: Path, write_rows: Write, emotion: str, sentiment: int | None, complaint: float | None
) -> None:
    write_rows("emotion_tr", [{"text": "bir şey", "emotion": emotion, "lang": "tr"}])
    (example,) = everything(tmp_path, "emotion_tr")
    assert (example.sentiment, example.complaint) == (sentiment, complaint)


def test_long_complaints_are_cut_to_what_a_post_looks_like(tmp_path: Path, write_rows: Write) -> None:
    rows = [
        {"text": f"Kart {number} bloke. " * 60, "title": f"Kart {number}", "complaint": 1, "lang": "tr"}
        for number in range(50)
    ]
    write_rows("complaints_tr_bank", rows)
    assert all(0 < len(example.text) <= 300 for example in everything(tmp_path, "complaints_tr_bank"))


def test_brand_sentiment_is_a_weak_complaint_label(tmp_path: Path, write_rows: Write) -> None:
    write_rows("brands_ru", [{"text": "не работает", "sentiment": -1, "lang": "ru"}])
    (example,) = everything(tmp_path, "brands_ru")
    assert example.complaint is not None
    assert 0.5 < example.complaint < 1.0
    assert example.complaint_weight < 1.0


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


def test_a_readers_label_goes_before_what_the_source_stands_for(
    tmp_path: Path, write_rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of brands_ru is a complaint by its sentiment alone, at little weight, until somebody read it."""
    rows = [{"text": text, "lang": "ru", "brand": "x", "sentiment": -1} for text in ("прочли", "нет")]
    write_rows("brands_ru", [*rows])
    write_rows("posts", [{"text": "read", "lang": "en"}, {"text": "unread", "lang": "en"}])
    notes = {
        ("brands_ru", fingerprint("прочли")[:KEY_LENGTH]): Annotation(0.0, sentiment=1),
        ("posts", fingerprint("read")[:KEY_LENGTH]): Annotation(1.0, sentiment=-1),
    }
    monkeypatch.setattr(data, "all_annotations", lambda: notes)
    found = {example.text: example for example in everything(tmp_path, "brands_ru")}
    assert [found[text].complaint for text in ("прочли", "нет")] == [0.0, 0.8]
    assert found["прочли"].complaint_weight > 1 > found["нет"].complaint_weight
    assert found["прочли"].sentiment == 0  # the source's own label stays
    (only,) = everything(tmp_path, "posts")
    assert (only.text, only.complaint, only.sentiment) == ("read", 1.0, 0)


def test_annotations_are_of_known_sources_and_hold_no_text() -> None:
    known = {one.name for one in SOURCES}
    for (source_name, key), note in all_annotations().items():
        assert source_name in known
        assert re.fullmatch(rf"[0-9a-f]{{{KEY_LENGTH}}}", key)
        assert note.complaint in {None, 0.0, 1.0, *COMPLAINT_GRADES.values()}
        assert note.feeling in {None, *SENTIMENT_GRADES.values()}
        assert note != Annotation()


def test_grades_are_probabilities_in_their_order() -> None:
    assert all(sum(shares) == pytest.approx(1.0) for shares in SENTIMENT_GRADES.values())
    balance = [shares[2] - shares[0] for shares in SENTIMENT_GRADES.values()]
    assert balance == sorted(balance)
    assert 1 > COMPLAINT_GRADES["C"] > COMPLAINT_GRADES["c"] > 0.5 > COMPLAINT_GRADES["o"] > 0


def test_a_complaint_is_not_content_and_no_complaint_may_feel_anything(
    tmp_path: Path, write_rows: Write
) -> None:
    write_rows(
        "complaints_en",
        [{"text": "broken", "complaint": 1, "lang": "en"}, {"text": "shiny", "complaint": 0, "lang": "en"}],
    )
    found = {example.text: example for example in everything(tmp_path, "complaints_en")}
    assert (found["broken"].sentiment, found["shiny"].sentiment) == (0, None)
    assert found["broken"].sentiment_weight < 1


@pytest.mark.parametrize("path", [POSTS, PLAIN, HELD_OUT, HELD_OUT_PLAIN])
def test_our_own_posts_are_whole(path: Path) -> None:
    rows = list(read_rows(path))
    assert len({fingerprint(row["text"]) for row in rows}) == len(rows)
    assert {row["lang"] for row in rows} == set(LANGUAGES)
    for row in rows:
        assert {row["complaint"], row["anger"], row["abuse"]} <= {0, 1}
        assert row["sentiment"] in {-1, 0, 1}
        assert ("reason" in row) == bool(row["complaint"])
        assert row.get("reason", OTHER) in {*GENERAL_REASONS, OTHER}


def test_our_own_tweets_are_whole_and_graded() -> None:
    rows = list(read_rows(TWEETS))
    assert len({fingerprint(row["text"]) for row in rows}) == len(rows)
    assert {row["lang"] for row in rows} <= set(LANGUAGES)
    for row in rows:
        grades = row.get("sentiment_grade"), row.get("complaint_grade")
        assert grades in {(grade, None) for grade in SENTIMENT_GRADES} | {
            (None, grade) for grade in COMPLAINT_GRADES
        }


def test_a_tweet_of_ours_teaches_what_it_was_graded_for(tmp_path: Path) -> None:
    found = load_examples(tmp_path, source("own_tweets"), "train", seed=1)
    assert {(one.feeling is None) == (one.complaint is not None) for one in found} == {True}
    assert {one.target("complaint").weight for one in found if one.complaint is None} == {0.0}


def test_what_is_held_out_is_never_learned() -> None:
    learned = {fingerprint(row["text"]) for path in (POSTS, PLAIN, TWEETS) for row in read_rows(path)}
    for path in (HELD_OUT, HELD_OUT_PLAIN):
        assert learned.isdisjoint(fingerprint(row["text"]) for row in read_rows(path))


def test_texts_that_another_file_tests_are_learned_from(tmp_path: Path) -> None:
    own = source("own_posts")
    parts = {split: load_examples(tmp_path, own, split, seed=1) for split in SPLITS}
    posts = [row["text"] for row in read_rows(POSTS)]
    assert parts["test"] == []
    assert len(parts["train"]) + len(parts["validation"]) == len(posts)
    assert len(parts["validation"]) == sum(split_of(text) == "validation" for text in posts)
