"""A two-layer encoder with random weights, built in code: what most tests of the classifier run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from classifier.export import write_folder
from classifier.graph import EncoderShape
from classifier.labels import HEADS, LANGUAGES

WIDTH = 64
INNER = 128
SHAPE = EncoderShape(layers=2, embedding_layers=(1,), heads=2, max_tokens=32, norm_epsilon=1e-12)
WORDS = [
    "i",
    "love",
    "hate",
    "my",
    "phone",
    "bank",
    "broken",
    "thanks",
    "great",
    "service",
    "not",
    "@user",
    "http",
]


def tiny_tokenizer() -> bytes:
    """A few whole words, everything else byte by byte: no text is unknown to it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.add_tokens(WORDS)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return str(tokenizer.to_str()).encode()


def vocabulary_size() -> int:
    return int(Tokenizer.from_str(tiny_tokenizer().decode()).get_vocab_size())


def tiny_weights(seed: int = 7) -> dict[str, np.ndarray]:
    """Random weights of a two-layer encoder with its heads, named as torch names them."""
    chance = np.random.default_rng(seed)

    def random(*sizes: int, spread: float = 0.15) -> np.ndarray:
        return chance.normal(0.0, spread, sizes).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": random(vocabulary_size(), WIDTH, spread=0.5),
        "embeddings.position_embeddings.weight": random(64, WIDTH),
        "embeddings.token_type_embeddings.weight": random(2, WIDTH),
    }
    dense = {
        "language": (len(LANGUAGES), WIDTH),
        "embedding": (WIDTH, 2 * WIDTH),
    }
    dense |= {f"top.{head}": (size, WIDTH) for head, size in HEADS.items()}
    norms = ["embeddings.LayerNorm"]
    for layer in range(SHAPE.layers):
        name = f"encoder.layer.{layer}"
        dense |= {f"{name}.attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")}
        dense[f"{name}.attention.output.dense"] = (WIDTH, WIDTH)
        dense[f"{name}.intermediate.dense"] = (INNER, WIDTH)
        dense[f"{name}.output.dense"] = (WIDTH, INNER)
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
    for name, sizes in dense.items():
        weights[f"{name}.weight"], weights[f"{name}.bias"] = random(*sizes), random(sizes[0])
    for name in norms:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = 1 + random(WIDTH, spread=0.02), random(WIDTH)
    return weights


def write_tiny_folder(directory: Path) -> Path:
    write_folder(directory, tiny_weights(), SHAPE, tiny_tokenizer(), "tiny-2l")
    return directory


def write_tiny_base(directory: Path) -> Path:
    """A random two-layer encoder to fine-tune, as transformers saves it."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
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
