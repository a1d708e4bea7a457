"""The network in torch, for training only: one encoder, mean pooling, a linear layer per head.

While it trains, the heads stand twice: above the top layer, and above a low one, where they learn to say what
the top ones say. Those low ones keep the lower layers at the matter, and are not served. Nor is the reason's.
The sentence vector is a linear layer as well, above several layers' means and that of the bare tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AutoModel
from transformers.utils import logging

from classifier.labels import BINARY_HEADS, CLASS_HEADS, SENTIMENTS, TRAINED_HEADS
from classifier.quantise import Floats, dequantise_rows, quantise_rows

_NOT_SERVED = ("early.", "top.reason.")
"""Heads that only help in training."""


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
    vectors: Tensor
    """Where the sentence vectors should point, [batch, width], unit length."""


@dataclass(frozen=True, slots=True)
class Logits:
    """By head, [batch] of the binary ones and [batch, labels] of the others; with the sentence vectors."""

    top: dict[str, Tensor]
    early: dict[str, Tensor]
    vectors: Tensor
    """Sentence vectors, [batch, width], unit length."""


class Network(nn.Module):
    """Encoder and heads. The embedding table is frozen at the values that its 4-bit form decodes to.

    So the layers above train on exactly what they are served with, and quantising the table costs nothing.
    """

    def __init__(
        self,
        base: Path,
        frozen_layers: int = 0,
        early_layer: int = 0,
        dropout: float = 0.1,
        merges: tuple[int, ...] = (),
        embedding_layers: tuple[int, ...] = (),
    ) -> None:
        """`merges` and `embedding_layers` as in `EncoderShape`.

        Without the latter: a third and two thirds of the way up, and the top.
        """
        super().__init__()
        self.merges = merges
        # Its loading report names the base's pooling layer, which nobody here wants, in a dozen lines.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.encoder = AutoModel.from_pretrained(
            base,
            dtype=torch.float32,
            attn_implementation="sdpa",
            # Dropping attention weights costs time for little gain.
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
        self.embedding_layers = embedding_layers or _thirds(self.encoder.config.num_hidden_layers)
        self.embedding = nn.Linear((1 + len(self.embedding_layers)) * width, width)
        table = self.encoder.embeddings.word_embeddings.weight
        with torch.no_grad():
            table.copy_(torch.from_numpy(dequantise_rows(*quantise_rows(table.numpy()))))
        self.encoder.embeddings.requires_grad_(False)
        for layer in self.encoder.encoder.layer[:frozen_layers]:
            layer.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor) -> Logits:
        """Return what it says of each text, from ids and mask as `padded` gives them."""
        means = self.means(ids, mask)
        early = self._read(self.early, means[self.early_layer]) if self.early else {}
        source = torch.cat([means[layer] for layer in (0, *self.embedding_layers)], dim=1)
        vectors = functional.normalize(self.embedding(source), dim=1)
        return Logits(self._read(self.top, means[-1]), early, vectors)

    def start_vectors(self, centre: Tensor) -> None:
        """Begin with the map that an untrained encoder needs: the top layer's mean less a `centre`, [width].

        Raises `ValueError` where the top layer is none of `embedding_layers`.
        """
        width = len(centre)
        place = (1 + self.embedding_layers.index(self.encoder.config.num_hidden_layers)) * width
        with torch.no_grad():
            self.embedding.weight.zero_()
            self.embedding.weight[:, place : place + width] = torch.eye(width)
            self.embedding.bias.copy_(-centre)

    def take_over(self, trained: Mapping[str, Floats]) -> None:
        """Begin with weights that were trained before, by their names in a network.

        What is not there stays as it is, and what it has no place for is left out.
        """
        known = {name: torch.from_numpy(value.copy()) for name, value in trained.items()}
        self.load_state_dict(known, strict=False)

    def served(self) -> dict[str, Floats]:
        """Its weights by name, but for those of heads that only help in training."""
        return {
            name: value.numpy()
            for name, value in self.state_dict().items()
            if not name.startswith(_NOT_SERVED)
        }

    def go_back(self, old: Mapping[str, Floats], share: float) -> None:
        """Move the served weights towards what they were before, `served` then; 1 for wholly."""
        # In this form, what did not change stays the same to the last bit, the token table above all.
        self.take_over({name: value + share * (old[name] - value) for name, value in self.served().items()})

    def means(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Return the means over the real tokens, [batch, width]: of the bare tokens and after each layer."""
        embeddings = self.encoder.embeddings
        states = embeddings(input_ids=ids)
        weight = mask.to(states.dtype)
        means = [_mean(embeddings.word_embeddings(ids), weight)]
        for number, layer in enumerate(self.encoder.encoder.layer, start=1):
            if number in self.merges:
                states, weight = _merged(states, weight)
            shown = (weight > 0)[:, None, None, :]
            if self.training:
                with quick_products(training=True):
                    states = layer(states, attention_mask=shown)
            else:
                states = layer(states, attention_mask=shown)
            means.append(_mean(states, weight))
        return means

    def _read(self, heads: nn.ModuleDict, mean: Tensor) -> dict[str, Tensor]:
        pooled = self.dropout(mean)
        # A squeeze only where a head has one output: the binary ones.
        return {name: head(pooled).squeeze(-1) for name, head in heads.items()}

    @property
    def most_tokens(self) -> int:
        """Positions that the base knows."""
        return int(self.encoder.config.max_position_embeddings)

    @property
    def table(self) -> Floats:
        """The token table [vocabulary, width], as trained with."""
        weight: Tensor = self.encoder.embeddings.word_embeddings.weight
        return weight.detach().numpy()

    def parameter_groups(
        self, rate: float, decay: float, head_rate: float, vector_rate: float
    ) -> list[dict[str, object]]:
        """Return optimiser groups: each layer learns `decay` times as fast as the one above it.

        `head_rate` is that of the heads, `vector_rate` that of the map to the sentence vector.
        """
        layers = self.encoder.encoder.layer
        heads = [*self.top.parameters(), *self.early.parameters()]
        groups: list[dict[str, object]] = [
            {"params": heads, "lr": head_rate},
            {"params": list(self.embedding.parameters()), "lr": vector_rate},
        ]
        for depth, layer in enumerate(reversed(layers)):
            trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
            if trained:
                groups.append({"params": trained, "lr": rate * decay**depth})
        return groups


def _thirds(layers: int) -> tuple[int, ...]:
    """A third and two thirds of the way up, and the top."""
    return tuple(sorted({max(1, layers // 3), max(1, layers * 2 // 3), layers}))


def padded(texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return token ids and the mask of the real ones, both [batch, tokens], int64."""
    width = max(map(len, texts))
    ids = torch.zeros(len(texts), width, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(texts):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids, mask


def _merged(states: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means of every two neighbours, [batch, half, width], and their weights, [batch, half].

    A weight counts the tokens that were merged. An odd neighbour at the end stays alone.
    """
    odd = states.shape[1] % 2
    states = functional.pad(states * weight.unsqueeze(-1), (0, 0, 0, odd)).unflatten(1, (-1, 2)).sum(2)  # type: ignore[no-untyped-call]
    weight = functional.pad(weight, (0, odd)).unflatten(1, (-1, 2)).sum(2)  # type: ignore[no-untyped-call]
    return states / weight.clamp(min=1).unsqueeze(-1), weight


@contextmanager
def quick_products(*, training: bool = False) -> Iterator[None]:
    """Let the products inside be of bfloat16 where the processor multiplies that itself.

    Weights, and what one layer passes to the next, stay float32. In training attention is made of plain
    products: through its fused kernel it takes three times as long to go back, for texts of some thirty
    tokens. Together they make training almost twice as fast (37 to 65 texts a second on two Zen 4 cores).
    """
    able = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    plain = sdpa_kernel(SDPBackend.MATH) if training else nullcontext()
    with torch.autocast("cpu", torch.bfloat16, enabled=able), plain:
        yield


def _mean(states: Tensor, weight: Tensor) -> Tensor:
    column = weight.unsqueeze(-1)
    return (states * column).sum(1) / column.sum(1)


SHARES = {"complaint": 2.0, "anger": 0.5, "abuse": 0.5}
"""What a labelled row of each binary head weighs; one of the others weighs 1."""
_EARLY_SHARE = 0.3
"""Small: the low layers serve the top first."""


def loss_of(network: Network, batch: Batch, vector_share: float) -> tuple[Tensor, dict[str, float]]:
    """Return the summed loss of one batch and its parts: by head, of the early heads, of the vectors.

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
        for head, share in SHARES.items()
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
    parts["vector"] = vector_share * cosine_loss(logits.vectors, batch.vectors)
    return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def cosine_loss(vectors: Tensor, targets: Tensor) -> Tensor:
    """One minus the cosine, on average: 0 where all point alike; both [batch, width], unit length."""
    return 1 - (vectors * targets).sum(1).mean()


def _disagreement(logits: Logits) -> Tensor:
    """How far the early heads are from what the top ones say, labels or none (Hinton et al. 2015)."""
    total = torch.zeros(())
    for head in CLASS_HEADS:
        total = total + functional.cross_entropy(logits.early[head], logits.top[head].detach().softmax(-1))
    for head in BINARY_HEADS:
        said = logits.top[head].detach().sigmoid()
        total = total + functional.binary_cross_entropy_with_logits(logits.early[head], said)
    return total
