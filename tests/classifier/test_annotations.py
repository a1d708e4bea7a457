"""The files that we labelled and wrote ourselves are whole, and what is measured on is not learned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from classifier.annotation import (
    COMPLAINT_GRADES,
    HELD_OUT,
    HELD_OUT_PLAIN,
    KEY_LENGTH,
    NEAR,
    PLAIN,
    POSTS,
    SENTIMENT_GRADES,
    TWEETS,
    Annotation,
    all_annotations,
)
from classifier.data import read_rows
from classifier.labels import LANGUAGES
from classifier.sources import SOURCES
from classifier.text import fingerprint
from desk.model.reason import GENERAL_REASONS, OTHER


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


def test_tweets_near_those_of_the_sets_are_whole_and_graded_twice() -> None:
    rows = list(read_rows(NEAR))
    keys = {fingerprint(row["text"]) for row in rows}
    assert len(keys) == len(rows)
    assert keys.isdisjoint(fingerprint(row["text"]) for row in read_rows(TWEETS))
    for row in rows:
        assert row["lang"] in LANGUAGES
        assert row["sentiment_grade"] in SENTIMENT_GRADES
        assert row["complaint_grade"] in COMPLAINT_GRADES


def test_what_is_held_out_is_never_learned() -> None:
    learned = {fingerprint(row["text"]) for path in (POSTS, PLAIN, TWEETS, NEAR) for row in read_rows(path)}
    for path in (HELD_OUT, HELD_OUT_PLAIN):
        assert learned.isdisjoint(fingerprint(row["text"]) for row in read_rows(path))
