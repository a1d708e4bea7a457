"""Builds the ONNX graph of the encoder and its heads, of ONNX Runtime's fused operators.

It is built node by node rather than traced: it is small, the same on every torch version, and the weights go
in as int8 with one scale per output column. The token table stays outside (rows are looked up by the
predictor), or it would sit in the file as 93 MB of float32.

Inputs: `embeddings` [batch, tokens, width] float32 and `mask` [batch, tokens] int32, 1 where a token is real.
Outputs: `complaint`, `anger` and `abuse` [batch], `sentiment` [batch, 3] and `language` [batch, languages],
all logits, and `embedding` [batch, width] of unit length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from classifier.labels import BINARY_HEADS, HEADS, LANGUAGES
from classifier.quantise import Floats, quantise_columns

OPSET = 17
_FUSED = "com.microsoft"

Weights = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Sizes that the weights alone do not tell."""

    layers: int
    embedding_layers: tuple[int, ...]
    """Layers, counted from 1, of which the sentence vector is made, beside the bare tokens."""
    heads: int
    max_tokens: int
    norm_epsilon: float


def build_graph(weights: Weights, shape: EncoderShape, *, int8: bool = True) -> onnx.ModelProto:
    """Build the graph from a BERT encoder's and the heads' weights, named as torch names them.

    `int8=False` keeps float32 weights: the yardstick that tests hold the int8 graph against.
    """
    graph = _Graph(weights, shape, int8)
    states = [_embed(graph)]
    for layer in range(shape.layers):
        states.append(_layer(graph, f"encoder.layer.{layer}", states[-1]))
    middles = {f"middle.{layer}": states[layer] for layer in shape.embedding_layers}
    _pool(graph, {"pooled": states[-1], "bag": "embeddings", **middles})
    _heads(graph)
    graph.gemm("language", "bag", "language")
    graph.node("Concat", ["bag", *middles], "vector.source", axis=-1)
    graph.gemm("embedding", "vector.source", "vector")
    graph.node("LpNormalization", ["vector"], "embedding", axis=-1, p=2)
    batch, tokens = "batch", "tokens"
    width = weights["embeddings.LayerNorm.weight"].shape[0]
    outputs: dict[str, list[str | int | None]] = {
        **{head: [batch] if head in BINARY_HEADS else [batch, size] for head, size in HEADS.items()},
        "language": [batch, len(LANGUAGES)],
        "embedding": [batch, width],
    }
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "answerback",
            inputs=[
                helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, [batch, tokens, width]),
                helper.make_tensor_value_info("mask", TensorProto.INT32, [batch, tokens]),
            ],
            outputs=[
                helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
                for name, sizes in outputs.items()
            ],
            initializer=graph.stored,
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_FUSED, 1)],
        ir_version=8,
        producer_name="answerback",
    )
    onnx.checker.check_model(model)
    return model


@dataclass(frozen=True, slots=True)
class _Graph:
    """Nodes and stored weights so far; each method adds something and returns its name."""

    weights: Weights
    shape: EncoderShape
    int8: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    stored: list[onnx.TensorProto] = field(default_factory=list)

    def store(self, name: str, value: NDArray[np.generic]) -> str:
        self.stored.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def keep(self, name: str) -> str:
        """Store one of the network's weights under its own name."""
        return self.store(name, self.weights[name])

    def node(self, kind: str, inputs: Sequence[str], *outputs: str, domain: str = "", **settings: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **settings))
        return outputs[0]

    def linear(self, name: str, source: str, weights: Floats) -> str:
        """Multiply by weights [inputs, outputs]; the bias belongs to the fused operator that follows."""
        if self.int8:
            codes, scale = quantise_columns(weights)
            stored = [self.store(f"{name}.int8", codes), self.store(f"{name}.scale", scale)]
            matrix = self.node("DequantizeLinear", stored, f"{name}.matrix", axis=1)
        else:
            matrix = self.store(f"{name}.matrix", weights)
        return self.node("MatMul", [source, matrix], f"{name}.product")

    def dense(self, name: str, source: str) -> str:
        return self.linear(name, source, self.weights[f"{name}.weight"].T)

    def gemm(self, name: str, source: str, out: str) -> str:
        """A head: float32, since it is small and every error of it shows."""
        matrix = self.store(f"{name}.matrix", self.weights[f"{name}.weight"].T)
        return self.node("Gemm", [source, matrix, self.keep(f"{name}.bias")], out)

    def add_and_norm(self, name: str, update: str, states: str) -> str:
        norm = [self.keep(f"{name}.LayerNorm.weight"), self.keep(f"{name}.LayerNorm.bias")]
        return self.node(
            "SkipLayerNormalization",
            [update, states, *norm, self.keep(f"{name}.dense.bias")],
            f"{name}.states",
            domain=_FUSED,
            epsilon=self.shape.norm_epsilon,
        )


def _embed(graph: _Graph) -> str:
    """Add positions and the one token type that a single text has."""
    places = graph.weights["embeddings.position_embeddings.weight"][: graph.shape.max_tokens]
    graph.store("places", places + graph.weights["embeddings.token_type_embeddings.weight"][0])
    graph.store("zero", np.array([0], dtype=np.int64))
    graph.store("one", np.array([1], dtype=np.int64))
    graph.node("Shape", ["mask"], "length", start=1, end=2)
    graph.node("Slice", ["places", "zero", "length", "zero"], "places.used")
    graph.node("Add", ["embeddings", "places.used"], "embeddings.placed")
    norm = [graph.keep("embeddings.LayerNorm.weight"), graph.keep("embeddings.LayerNorm.bias")]
    return graph.node(
        "LayerNormalization",
        ["embeddings.placed", *norm],
        "embeddings.states",
        axis=-1,
        epsilon=graph.shape.norm_epsilon,
    )


def _layer(graph: _Graph, name: str, states: str) -> str:
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    # One product for all three is quicker than three.
    joined = graph.linear(
        f"{name}.qkv", states, np.concatenate([graph.weights[f"{part}.weight"].T for part in parts], axis=1)
    )
    bias = graph.store(f"{name}.qkv.bias", np.concatenate([graph.weights[f"{part}.bias"] for part in parts]))
    graph.node("Split", [joined], *parts, axis=-1)
    attended = graph.node(
        "MultiHeadAttention",
        [*parts, bias, "mask"],
        f"{name}.attended",
        domain=_FUSED,
        num_heads=graph.shape.heads,
    )
    inner = f"{name}.attention.output"
    states = graph.add_and_norm(inner, graph.dense(f"{inner}.dense", attended), states)
    widened = graph.dense(f"{name}.intermediate.dense", states)
    curved = graph.node(
        "BiasGelu", [widened, graph.keep(f"{name}.intermediate.dense.bias")], f"{name}.curved", domain=_FUSED
    )
    return graph.add_and_norm(f"{name}.output", graph.dense(f"{name}.output.dense", curved), states)


def _pool(graph: _Graph, sources: Mapping[str, str]) -> None:
    """Average each source over the real tokens. Needs the constant `one`."""
    graph.store("last", np.array([-1], dtype=np.int64))
    graph.node("Cast", ["mask"], "mask.float", to=TensorProto.FLOAT)
    graph.node("Unsqueeze", ["mask.float", "last"], "mask.column")
    graph.node("ReduceSum", ["mask.column", "one"], "count", keepdims=0)
    for name, source in sources.items():
        graph.node("Mul", [source, "mask.column"], f"{name}.real")
        graph.node("ReduceSum", [f"{name}.real", "one"], f"{name}.sum", keepdims=0)
        graph.node("Div", [f"{name}.sum", "count"], name)


def _heads(graph: _Graph) -> None:
    for head in HEADS:
        if head in BINARY_HEADS:
            graph.gemm(f"top.{head}", "pooled", f"{head}.column")
            graph.node("Squeeze", [f"{head}.column", "last"], head)
        else:
            graph.gemm(f"top.{head}", "pooled", head)
