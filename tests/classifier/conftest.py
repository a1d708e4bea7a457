"""Fixtures: a base encoder and a weights folder made in code, so the tests need no shipped weights."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.classifier.tiny import write_tiny_base, write_tiny_folder

Rows = Iterable[dict[str, object]]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder; tests that damage it copy it first."""
    return write_tiny_folder(tmp_path_factory.mktemp("tiny") / "weights")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder to fine-tune; tests that change it copy it first."""
    return write_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[[str, Rows], Path]:
    """Write a data set under `tmp_path` and return its file."""

    def write(name: str, rows: Rows) -> Path:
        path = tmp_path / f"{name}.jsonl.gz"
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return path

    return write
