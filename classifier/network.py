"""The network in torch, for training only: one encoder, mean pooling, a linear layer per head.

While it trains, the heads stand twice: above the top layer, and above a low one, where they learn to say what
the top ones say. Those low ones keep the lower layers at the matter, and are not served. Nor is the reason's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel
from transformers.utils import logging

from classifier.labels import BINARY_HEADS, CLASS_HEADS, SENTIMENTS, TRAINED_HEADS
from classifier.quantise import Floats, dequantise_rows, quantise_rows


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded token ids with targets; a weight of 0 switches a target off."""

    ids: Tensor
    """Token ids, [batch, tokens], int64."""
    mask: Tensor
    """1 where a token is real, [batch, tokens], int64."""
    binary: dict[str, Tensor]
    """Target probabilities by head of `BINARY_HEADS`, each [batch], float32."""
    binary_weight: dict[str, Tensor]
    classes: dict[str, Tensor]
    """Target probabilities by head of `CLASS_HEADS`, each [batch, labels], float32."""
    class_weight: dict[str, Tensor]
    polar: Tensor
    """True where the neutral output takes no part, [batch], bool."""


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits by head: [batch] of the binary ones, [batch, labels] of the others."""

    top: dict[str, Tensor]
    early: dict[str, Tensor]


class Network(nn.Module):
    """Encoder and heads. The embedding table is frozen at the values that its 4-bit form decodes to.

    So the layers above train on exactly what they are served with, and quantising the table costs nothing.
    """

    def __init__(self, base: Path, frozen_layers: int, early_layer: int = 0, dropout: float = 0.1) -> None:
        super().__init__()
        # Its loading report names the base's pooling layer, which nobody here wants, in a dozen lines.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.encoder = AutoModel.from_pretrained(
            base,
            dtype=torch.float32,
            attn_implementation="sdpa",
            # Dropping attention weights would rule out the fast attention kernel for little gain.
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=dropout,
            add_pooling_layer=False,
        )
        width = self.encoder.config.hidden_size
        self.dropout = nn.Dropout(dropout)
        self.early_layer = early_layer
        self.top = nn.ModuleDict({head: nn.Linear(width, size) for head, size in TRAINED_HEADS.items()})
        early = TRAINED_HEADS if early_layer else {}
        self.early = nn.ModuleDict({head: nn.Linear(width, size) for head, size in early.items()})
        table = self.encoder.embeddings.word_embeddings.weight
        with torch.no_grad():
            table.copy_(torch.from_numpy(dequantise_rows(*quantise_rows(table.numpy()))))
        self.encoder.embeddings.requires_grad_(False)
        for layer in self.encoder.encoder.layer[:frozen_layers]:
            layer.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor) -> Logits:
        """Return the logits of all heads, [batch] or [batch, labels]."""
        states = self.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        real = mask.unsqueeze(-1).to(states[-1].dtype)

        def read(heads: nn.ModuleDict, layer: int) -> dict[str, Tensor]:
            pooled = self.dropout((states[layer] * real).sum(1) / real.sum(1))
            # A squeeze only where a head has one output: the binary ones.
            return {name: head(pooled).squeeze(-1) for name, head in heads.items()}

        return Logits(read(self.top, -1), read(self.early, self.early_layer))

    @property
    def most_tokens(self) -> int:
        """Positions that the base knows."""
        return int(self.encoder.config.max_position_embeddings)

    @property
    def table(self) -> Floats:
        """The token table [vocabulary, width], as trained with."""
        weight: Tensor = self.encoder.embeddings.word_embeddings.weight
        return weight.detach().numpy()

    def parameter_groups(self, rate: float, decay: float, head_rate: float) -> list[dict[str, object]]:
        """Return optimiser groups: each layer learns `decay` times as fast as the one above it."""
        layers = self.encoder.encoder.layer
        heads = [*self.top.parameters(), *self.early.parameters()]
        groups: list[dict[str, object]] = [{"params": heads, "lr": head_rate}]
        for depth, layer in enumerate(reversed(layers)):
            trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
            if trained:
                groups.append({"params": trained, "lr": rate * decay**depth})
        return groups


_SHARES = {"complaint": 2.0, "anger": 0.5, "abuse": 0.5}
"""What a labelled row of each binary head weighs; one of the others weighs 1."""
_EARLY_SHARE = 0.3
"""Small: the low layers serve the top first."""


def loss_of(network: Network, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Return the summed loss of one batch and its parts by head.

    Each part is divided by the batch size and not by the number of labelled rows, so a row weighs the same
    in every batch.
    """
    logits = network(batch.ids, batch.mask)
    size = len(batch.ids)
    parts = {
        head: share
        / size
        * functional.binary_cross_entropy_with_logits(
            logits.top[head], batch.binary[head], weight=batch.binary_weight[head], reduction="sum"
        )
        for head, share in _SHARES.items()
    }
    for head in CLASS_HEADS:
        top = logits.top[head]
        if head == "sentiment":
            neutral_off = torch.zeros_like(top)
            neutral_off[:, SENTIMENTS.index("neutral")] = batch.polar.to(top.dtype) * -1e4
            top = top + neutral_off
        missed = functional.cross_entropy(top, batch.classes[head], reduction="none")
        parts[head] = (missed * batch.class_weight[head]).sum() / size
    if logits.early:
        parts["early"] = _EARLY_SHARE * _disagreement(logits)
    return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def _disagreement(logits: Logits) -> Tensor:
    """How far the early heads are from what the top ones say, labels or none (Hinton et al. 2015)."""
    total = torch.zeros(())
    for head in CLASS_HEADS:
        total = total + functional.cross_entropy(logits.early[head], logits.top[head].detach().softmax(-1))
    for head in BINARY_HEADS:
        said = logits.top[head].detach().sigmoid()
        total = total + functional.binary_cross_entropy_with_logits(logits.early[head], said)
    return total
