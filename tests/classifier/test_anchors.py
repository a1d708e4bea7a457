"""Where training keeps the sentence vectors: asked once, and what the network begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from classifier.anchors import base_anchors, own_anchors
from classifier.network import Network, cosine_loss, padded
from classifier.progress import silent

LESSONS = {"long": (0, 9, 14, 22, 31, 2), "short": (0, 9, 2), "other": (0, 40, 41, 2)}
ROUNDED = 0.01
"""How far an answer may be off: where the processor can, it is reckoned in bfloat16, of eight bits."""


def nobody(_record: dict[str, object]) -> None:
    raise AssertionError("it has been asked before")


@pytest.fixture
def network(tiny_base: Path) -> Network:
    return Network(tiny_base)


def test_an_untrained_network_begins_where_its_anchors_are(network: Network, tmp_path: Path) -> None:
    anchors = base_anchors(network, LESSONS, tmp_path / "kept.npz", silent)
    said = network(*padded(list(LESSONS.values()))).vectors
    assert cosine_loss(said, anchors.of(list(LESSONS))).item() == pytest.approx(0.0, abs=1e-4)
    assert cosine_loss(said, anchors.of(["other", "long", "short"])).item() > 0.1
    own = own_anchors(network, LESSONS, tmp_path / "own.npz", silent).of(list(LESSONS))
    torch.testing.assert_close(own, said, atol=ROUNDED, rtol=0.0)


def test_what_was_asked_is_kept(network: Network, tmp_path: Path) -> None:
    first = base_anchors(network, LESSONS, tmp_path / "kept.npz", silent)
    again = base_anchors(network, LESSONS, tmp_path / "kept.npz", nobody)
    assert torch.equal(first.directions, again.directions)
    assert first.digest == again.digest


def test_what_a_trained_network_was_asked_is_kept_for_itself_alone(network: Network, tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    first = own_anchors(network, LESSONS, kept, silent)
    assert torch.equal(first.directions, own_anchors(network, LESSONS, kept, nobody).directions)
    for part in (network.embedding, network.top["complaint"]):
        own_anchors(network, LESSONS, kept, silent)
        with torch.no_grad():
            part.bias.add_(1.0)
        with pytest.raises(AssertionError, match="asked before"):
            own_anchors(network, LESSONS, kept, nobody)


def test_a_trained_network_is_asked_for_its_word_on_complaints_as_well(
    network: Network, tmp_path: Path
) -> None:
    network.eval()
    said = network(*padded(list(LESSONS.values()))).top["complaint"].sigmoid()
    anchors = own_anchors(network, LESSONS, tmp_path / "own.npz", silent)
    torch.testing.assert_close(anchors.complaints(list(LESSONS)), said, atol=ROUNDED, rtol=0.0)
    torch.testing.assert_close(anchors.complaints(["other"]), said[2:], atol=ROUNDED, rtol=0.0)


def test_of_other_texts_it_is_asked_anew(network: Network, tmp_path: Path) -> None:
    base_anchors(network, LESSONS, tmp_path / "kept.npz", silent)
    for other in ({**LESSONS, "new": (0, 2)}, {**LESSONS, "short": (0, 3, 2)}):
        with pytest.raises(AssertionError, match="asked before"):
            base_anchors(network, other, tmp_path / "kept.npz", nobody)


def test_another_network_is_asked_anew(network: Network, tiny_base: Path, tmp_path: Path) -> None:
    base_anchors(network, LESSONS, tmp_path / "kept.npz", silent)
    moved = Network(tiny_base)
    with torch.no_grad():
        moved.encoder.encoder.layer[0].output.dense.bias.add_(1.0)
    for other in (moved, Network(tiny_base, merges=(2,))):
        with pytest.raises(AssertionError, match="asked before"):
            base_anchors(other, LESSONS, tmp_path / "kept.npz", nobody)


def test_a_map_without_the_top_layer_cannot_begin_there(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in"):
        base_anchors(Network(tiny_base, embedding_layers=(1,)), LESSONS, tmp_path / "kept.npz", silent)
