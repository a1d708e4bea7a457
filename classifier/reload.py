"""Reads a weights folder back into what it was exported from, for training to go on from it.

The graph keeps the network's own names: a matrix of int8 codes with its scales becomes the float32 weight
that it serves as, and what several were joined into is parted again. So a folder that is read and written
without training serves the same verdicts, but for what bytes did to those of a quick one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from classifier.artifact import (
    EMBEDDINGS,
    ENCODER,
    SCALES,
    TOKENIZER,
    Manifest,
    file_of,
    read_manifest,
    verify_files,
)
from classifier.quantise import Floats, dequantise_rows

_MERGED = re.compile(r"merge\.\d+\.states")
_QKV = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a folder holds."""

    manifest: Manifest
    tokenizer: bytes
    encoder: Mapping[str, Floats]
    """Named as torch names a BERT encoder's weights."""
    heads: Mapping[str, Floats]
    """Everything else, language among it, named as in the network."""
    embedding_layers: tuple[int, ...]
    """As in `EncoderShape`."""
    merges: tuple[int, ...]
    """As in `EncoderShape`."""
    attention_heads: int
    norm_epsilon: float

    @property
    def layers(self) -> int:
        """Of the encoder."""
        return len({name.split(".")[2] for name in self.encoder if name.startswith("encoder.layer.")})


def reload(directory: Path) -> Reloaded:
    """Read a folder of weights. Raises `ArtifactError`."""
    manifest = read_manifest(directory)
    verify_files(directory, manifest)
    graph = onnx.load(str(directory / ENCODER)).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights: dict[str, Floats] = {}
    for name, value in stored.items():
        stem, _, kind = name.rpartition(".")
        if kind == "int8":
            _put(weights, stem, value.astype(np.float32) * stored[f"{stem}.scale"])
        elif kind == "matrix":
            _put(weights, stem, value)
        elif kind == "bias" and stem.endswith(".qkv"):
            for part, share in zip(_QKV, np.split(value, 3), strict=True):
                weights[f"{stem.removesuffix('.qkv')}.attention.self.{part}.bias"] = share
        elif kind in {"bias", "weight"}:
            weights[name] = value
    weights["embeddings.word_embeddings.weight"] = dequantise_rows(
        *(np.load(file_of(directory, manifest, name), allow_pickle=False) for name in (EMBEDDINGS, SCALES))
    )
    # The one token type was added to the positions for good.
    weights["embeddings.position_embeddings.weight"] = stored["places"]
    weights["embeddings.token_type_embeddings.weight"] = np.zeros((2, manifest.width), dtype=np.float32)
    attention = next(node for node in graph.node if node.op_type == "MultiHeadAttention")
    norm = next(node for node in graph.node if node.op_type == "LayerNormalization")
    vector = next(node for node in graph.node if "vector.source" in node.output)
    inside = ("embeddings.", "encoder.layer.")
    return Reloaded(
        manifest=manifest,
        encoder={name: value for name, value in weights.items() if name.startswith(inside)},
        heads={name: value for name, value in weights.items() if not name.startswith(inside)},
        tokenizer=file_of(directory, manifest, TOKENIZER).read_bytes(),
        embedding_layers=tuple(int(name.rpartition(".")[2]) for name in vector.input if name != "bag"),
        merges=tuple(
            int(node.output[0].split(".")[1]) for node in graph.node if _MERGED.fullmatch(node.output[0])
        ),
        attention_heads=int(_attribute(attention, "num_heads")),
        norm_epsilon=float(_attribute(norm, "epsilon")),
    )


def write_base(directory: Path, found: Reloaded) -> None:
    """Write the encoder as a folder to fine-tune from, as transformers saves one."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "hidden_size": found.manifest.width,
        "vocab_size": found.manifest.vocabulary,
        "num_hidden_layers": found.layers,
        "num_attention_heads": found.attention_heads,
        "intermediate_size": len(found.encoder["encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(found.encoder["embeddings.position_embeddings.weight"]),
        "layer_norm_eps": found.norm_epsilon,
        "type_vocab_size": 2,
        "pad_token_id": 1,
    }
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = {name: np.ascontiguousarray(value) for name, value in found.encoder.items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / TOKENIZER).write_bytes(found.tokenizer)


def _put(weights: dict[str, Floats], stem: str, matrix: Floats) -> None:
    """Keep a product's matrix [inputs, outputs] as torch has it, [outputs, inputs]."""
    if not stem.endswith(".qkv"):
        weights[f"{stem}.weight"] = np.ascontiguousarray(matrix.T)
        return
    for part, share in zip(_QKV, np.split(matrix, 3, axis=1), strict=True):
        weights[f"{stem.removesuffix('.qkv')}.attention.self.{part}.weight"] = np.ascontiguousarray(share.T)


def _attribute(node: onnx.NodeProto, name: str) -> float:
    return float(onnx.helper.get_attribute_value(next(each for each in node.attribute if each.name == name)))
