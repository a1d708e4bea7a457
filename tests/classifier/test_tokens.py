"""The tokenizer that every reader of texts gets."""

from __future__ import annotations

from pathlib import Path

from classifier.artifact import TOKENIZER
from classifier.tokens import tokenizer_of


def test_models_side_by_side_share_one_and_another_length_gets_its_own(tiny_folder: Path) -> None:
    content = (tiny_folder / TOKENIZER).read_bytes()
    shared = tokenizer_of(content, 16)
    assert tokenizer_of((tiny_folder / TOKENIZER).read_bytes(), 16) is shared
    assert len(tokenizer_of(content, 8).encode("a word after another " * 10).ids) == 8
    assert len(tokenizer_of(content, 16).encode("a word after another " * 10).ids) == 16
