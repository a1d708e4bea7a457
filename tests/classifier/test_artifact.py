"""A weights folder that cannot be used says which file and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from classifier.artifact import FILES, MANIFEST, ArtifactError, read_manifest, verify_files, write_manifest
from classifier.predictor import load_predictor
from desk.errors import DeskError


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "weights"))


def change(folder: Path, **values: object) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(content | values))


def test_a_manifest_survives_writing_and_reading(folder: Path) -> None:
    manifest = read_manifest(folder)
    write_manifest(folder, manifest)
    assert read_manifest(folder) == manifest


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        load_predictor(folder).predict(["hi"])


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as file:
        file.seek(200)
        file.write(b"\xff\x00\xff")
    with pytest.raises(ArtifactError, match=f"{name} is damaged"):
        verify_files(folder, read_manifest(folder))


def test_a_folder_without_manifest_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(DeskError, match=r"manifest\.json is missing.*answerback train"):
        load_predictor(tmp_path)


@pytest.mark.parametrize("content", ["", "not json", "[]", "{}", '{"format": 1}'])
def test_an_unreadable_manifest_fails_at_once(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json is damaged"):
        load_predictor(folder)


def test_a_manifest_key_of_the_wrong_kind_is_named(folder: Path) -> None:
    change(folder, width="wide")
    with pytest.raises(ArtifactError, match="width"):
        load_predictor(folder)


def test_a_layout_of_another_version_is_refused(folder: Path) -> None:
    change(folder, format=99)
    with pytest.raises(ArtifactError, match="format 99"):
        load_predictor(folder)


def test_weights_with_other_labels_are_refused(folder: Path) -> None:
    change(folder, languages=["en", "de"])
    with pytest.raises(ArtifactError, match="labels"):
        load_predictor(folder).predict(["hi"])


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_threshold_is_a_probability(folder: Path, value: float) -> None:
    with pytest.raises(ArtifactError, match="look_threshold"):
        load_predictor(folder, look_threshold=value)
