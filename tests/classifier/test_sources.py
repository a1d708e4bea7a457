"""What a row of each data set teaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier import data
from classifier.annotation import (
    COMPLAINT_GRADES,
    KEY_LENGTH,
    POSTS,
    SENTIMENT_GRADES,
    Annotation,
)
from classifier.data import Target, load_examples, read_rows, split_of
from classifier.sources import SOURCES
from classifier.text import fingerprint
from tests.classifier.sets import SPLITS, Write, everything, source


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


def test_a_tweet_of_ours_teaches_what_it_was_graded_for(tmp_path: Path) -> None:
    found = load_examples(tmp_path, source("own_tweets"), "train", seed=1)
    assert {(one.feeling is None) == (one.complaint is not None) for one in found} == {True}
    assert {one.target("complaint").weight for one in found if one.complaint is None} == {0.0}


def test_texts_that_another_file_tests_are_learned_from(tmp_path: Path) -> None:
    own = source("own_posts")
    parts = {split: load_examples(tmp_path, own, split, seed=1) for split in SPLITS}
    posts = [row["text"] for row in read_rows(POSTS)]
    assert parts["test"] == []
    assert len(parts["train"]) + len(parts["validation"]) == len(posts)
    assert len(parts["validation"]) == sum(split_of(text) == "validation" for text in posts)
