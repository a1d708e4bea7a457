"""Vectors of the reasons' sentences that lie beside the weights, so that nobody waits for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier.artifact import REASONS, ArtifactError, verify_files
from classifier.predictor import load_predictor
from classifier.reason_vectors import digest, write_reason_vectors
from classifier.reasons import Reason, WithReasons, general_reasons
from tests.classifier.test_reasons import WordBag

SENTENCES = ("my bank is late", "", "déjà vu 😡", "my bank")


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "weights"))


def test_what_is_stored_is_what_the_predictor_says(folder: Path) -> None:
    predictor = load_predictor(folder)
    manifest = write_reason_vectors(folder, predictor, SENTENCES)
    verify_files(folder, manifest)
    stored = load_predictor(folder).reason_vectors()
    for sentence, verdict in zip(SENTENCES, predictor.predict(SENTENCES), strict=True):
        # Bit by bit, but for what the other texts of a batch do to the last bit.
        np.testing.assert_allclose(
            stored[digest(sentence)], np.frombuffer(verdict.embedding, dtype="<f2"), atol=1e-3
        )


def test_a_folder_without_them_has_none(folder: Path) -> None:
    assert load_predictor(folder).reason_vectors() == {}


def test_damage_is_found_before_they_are_read(folder: Path) -> None:
    write_reason_vectors(folder, load_predictor(folder), SENTENCES)
    (folder / REASONS).write_bytes(b"PK nothing")
    with pytest.raises(ArtifactError, match=REASONS):
        load_predictor(folder).reason_vectors()


def test_only_what_is_not_stored_is_read_and_no_post_is_told_another_reason() -> None:
    posts = ["My parcel is late.", "it was cancelled again", "your locker is stuck"]
    named = [Reason("locker", "the locker is stuck", ("the locker says no",))]
    sentences = [sentence for reason in general_reasons() for sentence in reason.sentences]
    stored = {
        digest(sentence): np.frombuffer(verdict.embedding, dtype="<f2")
        for sentence, verdict in zip(sentences, WordBag().predict(sentences), strict=True)
    }
    reads_all, reads_few = WordBag(), WordBag()
    slow = WithReasons(reads_all, named).predict(posts)
    quick = WithReasons(reads_few, named, stored=lambda: stored).predict(posts)
    assert (
        [one.reason for one in slow] == [one.reason for one in quick] == ["delay", "cancellation", "locker"]
    )
    assert (reads_all.asked, reads_few.asked) == ([3, len(sentences) + 2], [3, 2])
