"""A weights folder read back is what it was written from, less what eight and four bits lose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from classifier.artifact import ArtifactError
from classifier.export import write_folder
from classifier.labels import HEADS
from classifier.network import Network, padded
from classifier.predictor import load_predictor
from classifier.reload import reload, write_base
from tests.classifier.tiny import SHAPE, tiny_tokenizer, tiny_weights

TEXTS = ["i love my bank", "broken phone, not great", "", "@user http thanks"]


def test_names_and_values_come_back(tiny_folder: Path) -> None:
    found, written = reload(tiny_folder), tiny_weights()
    together = {**found.encoder, **found.heads}
    assert set(together) == set(written)
    for name, value in written.items():
        if name.startswith("embeddings.") and "LayerNorm" not in name:
            continue  # four bits, and positions with the token type in them
        np.testing.assert_allclose(together[name], value, atol=np.abs(value).max() / 120, err_msg=name)
    assert (found.attention_heads, found.norm_epsilon) == (SHAPE.heads, pytest.approx(SHAPE.norm_epsilon))


def test_what_is_read_and_written_again_serves_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    found = reload(tiny_folder)
    write_folder(tmp_path, {**found.encoder, **found.heads}, SHAPE, tiny_tokenizer(), "again")
    before, after = load_predictor(tiny_folder).predict(TEXTS), load_predictor(tmp_path).predict(TEXTS)
    for one, other in zip(before, after, strict=True):
        assert other.complaint == pytest.approx(one.complaint, abs=1e-6)
        assert other.sentiment.negative == pytest.approx(one.sentiment.negative, abs=1e-6)
        assert other.embedding == one.embedding


@pytest.mark.parametrize("merges", [(), (2,), (1, 2)])
def test_the_network_in_torch_says_what_the_folder_serves(merges: tuple[int, ...], tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    write_folder(folder, tiny_weights(), replace(SHAPE, merges=merges), tiny_tokenizer(), "tiny")
    found = reload(folder)
    assert found.merges == merges
    write_base(tmp_path, found)
    network = Network(tmp_path, merges=found.merges, embedding_layers=found.embedding_layers).eval()
    network.take_over(found.heads)
    served = load_predictor(folder).outputs(TEXTS)
    encodings = Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch(TEXTS)
    with torch.inference_mode():
        said = network(*padded([found.ids for found in encodings]))
    for head in HEADS:
        np.testing.assert_allclose(said.top[head].numpy(), getattr(served, head), atol=1e-4)
    np.testing.assert_allclose(said.vectors.numpy(), served.embedding, atol=1e-4)


def test_a_folder_that_is_no_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"manifest\.json is missing"):
        reload(tmp_path)
