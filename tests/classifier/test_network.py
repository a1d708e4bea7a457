"""The network in torch: what training does otherwise than serving."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from classifier.network import Network, padded


def test_quicker_products_in_training_say_nearly_the_same_and_learn_in_full_precision(
    tiny_base: Path,
) -> None:
    torch.manual_seed(1)
    network = Network(tiny_base, dropout=0.0)
    batch = padded([(0, 260, 261, 2), (0, 262, 2)])
    served = network.eval()(*batch)
    learned = network.train()(*batch)
    for head, logits in served.top.items():
        assert learned.top[head].dtype == torch.float32
        torch.testing.assert_close(learned.top[head], logits, atol=0.05, rtol=0.05)
    assert float((served.vectors * learned.vectors).sum(1).min().detach()) == pytest.approx(1.0, abs=0.01)
    sum(logits.sum() for logits in learned.top.values()).backward()
    gradients = [one.grad for one in network.encoder.encoder.parameters()]
    assert all(one is not None and one.dtype == torch.float32 and one.isfinite().all() for one in gradients)
