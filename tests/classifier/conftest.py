"""Fixtures: a base encoder and a weights folder made in code, so the tests need no shipped weights."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.classifier.tiny import INNER, SHAPE, WIDTH, tiny_tokenizer, vocabulary_size, write_tiny_folder

Rows = Iterable[dict[str, object]]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder; tests that damage it copy it first."""
    return write_tiny_folder(tmp_path_factory.mktemp("tiny") / "weights")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer encoder to fine-tune, as transformers saves it."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    directory = tmp_path_factory.mktemp("base")
    config = BertConfig(
        vocab_size=vocabulary_size(),
        hidden_size=WIDTH,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=SHAPE.heads,
        intermediate_size=INNER,
        max_position_embeddings=64,
        pad_token_id=1,
    )
    BertModel(config).save_pretrained(directory)
    (directory / "tokenizer.json").write_bytes(tiny_tokenizer())
    return directory


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[[str, Rows], Path]:
    """Write a data set under `tmp_path` and return its file."""

    def write(name: str, rows: Rows) -> Path:
        path = tmp_path / f"{name}.jsonl.gz"
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return path

    return write
