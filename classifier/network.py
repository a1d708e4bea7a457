"""The network in torch, for training only: one encoder, mean pooling, a linear layer per head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel
from transformers.utils import logging

from classifier.labels import SENTIMENTS
from classifier.quantise import Floats, dequantise_rows, quantise_rows


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded token ids with targets; a weight of 0 switches a target off."""

    ids: Tensor
    """Token ids, [batch, tokens], int64."""
    mask: Tensor
    """1 where a token is real, [batch, tokens], int64."""
    complaint: Tensor
    """Target probability, [batch], float32."""
    complaint_weight: Tensor
    sentiment: Tensor
    """Index into `SENTIMENTS`, [batch], int64."""
    sentiment_weight: Tensor
    polar: Tensor
    """True where the neutral output takes no part, [batch], bool."""


class Network(nn.Module):
    """Encoder and heads. The embedding table is frozen at the values that its 4-bit form decodes to.

    So the layers above train on exactly what they are served with, and quantising the table costs nothing.
    """

    def __init__(self, base: Path, frozen_layers: int, dropout: float = 0.1) -> None:
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
        self.complaint = nn.Linear(width, 1)
        self.sentiment = nn.Linear(width, len(SENTIMENTS))
        table = self.encoder.embeddings.word_embeddings.weight
        with torch.no_grad():
            table.copy_(torch.from_numpy(dequantise_rows(*quantise_rows(table.numpy()))))
        self.encoder.embeddings.requires_grad_(False)
        for layer in self.encoder.encoder.layer[:frozen_layers]:
            layer.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return complaint logits [batch], sentiment logits [batch, 3] and pooled states [batch, width]."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        real = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * real).sum(1) / real.sum(1)
        dropped = self.dropout(pooled)
        return self.complaint(dropped).squeeze(-1), self.sentiment(dropped), pooled

    @property
    def table(self) -> Floats:
        """The token table [vocabulary, width], as trained with."""
        weight: Tensor = self.encoder.embeddings.word_embeddings.weight
        return weight.detach().numpy()

    def parameter_groups(self, rate: float, decay: float, head_rate: float) -> list[dict[str, object]]:
        """Return optimiser groups: each layer learns `decay` times as fast as the one above it."""
        layers = self.encoder.encoder.layer
        heads = [*self.complaint.parameters(), *self.sentiment.parameters()]
        groups: list[dict[str, object]] = [{"params": heads, "lr": head_rate}]
        for depth, layer in enumerate(reversed(layers)):
            trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
            if trained:
                groups.append({"params": trained, "lr": rate * decay**depth})
        return groups


def loss_of(network: Network, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Return the summed loss of one batch and its parts by head.

    Each part is divided by the batch size and not by the number of labelled rows, so a row weighs the same
    in every batch.
    """
    complaint_logits, sentiment_logits, _ = network(batch.ids, batch.mask)
    complaint = functional.binary_cross_entropy_with_logits(
        complaint_logits, batch.complaint, weight=batch.complaint_weight, reduction="sum"
    )
    neutral_off = torch.zeros_like(sentiment_logits)
    neutral_off[:, SENTIMENTS.index("neutral")] = batch.polar.to(sentiment_logits.dtype) * -1e4
    sentiment = functional.cross_entropy(sentiment_logits + neutral_off, batch.sentiment, reduction="none")
    sentiment = (sentiment * batch.sentiment_weight).sum()
    size = len(batch.ids)
    parts = {"complaint": complaint.item() / size, "sentiment": sentiment.item() / size}
    return (2.0 * complaint + sentiment) / size, parts
