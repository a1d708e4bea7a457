"""Builds the ONNX graph of the encoder and its heads, partly of ONNX Runtime's own operators.

It is built node by node rather than traced: it is small, the same on every torch version, and the weights go
in as int8 with one scale per output column. The token table stays outside (rows are looked up by the
predictor), or it would sit in the file as 93 MB of float32.

Inputs: `embeddings` [batch, tokens, width] float32 and `mask` [batch, tokens] int32, 1 where a token is real.
Outputs: `complaint`, `anger` and `abuse` [batch], `sentiment` [batch, 3] and `language` [batch, languages],
all logits, and `embedding` [batch, width] of unit length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from classifier.labels import BINARY_HEADS, HEADS, LANGUAGES
from classifier.quantise import Floats, quantise_columns

OPSET = 17
_CONTRIB = "com.microsoft"
PRODUCT = ".product"
"""How the name of a float product ends, before its bias is added."""
_MOST_BESIDE_BYTES = 63
"""Largest code of a weight that is multiplied with bytes, of seven bits: processors without VNNI add two such
products in 16 bits, where 2 * 255 * 127 would not fit."""

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
    merges: tuple[int, ...] = ()
    """Layers, counted from 1, before which every two neighbouring tokens become one, their mean: the layers
    above read half as many (Funnel-Transformer, Dai et al. 2020)."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """How the input of a product becomes bytes: value = scale * (byte - zero)."""

    scale: float
    zero: int


def build_graph(
    weights: Weights,
    shape: EncoderShape,
    *,
    int8: bool = True,
    inputs: Mapping[str, ByteRange] | None = None,
) -> onnx.ModelProto:
    """Build the graph from a BERT encoder's and the heads' weights, named as torch names them.

    With `inputs`, by name of the product, the encoder multiplies bytes: that takes less time and changes
    about one decision in a hundred (`classifier.byte_ranges`). `int8=False` keeps float32 weights: the
    yardstick that tests hold the int8 graph against.
    """
    graph = _Graph(weights, shape, int8, inputs)
    tokens = _Tokens("embeddings", "mask", graph.node("Cast", ["mask"], "weight", to=TensorProto.FLOAT))
    states = [replace(tokens, states=_embed(graph))]
    for layer in range(shape.layers):
        below = states[-1]
        if layer + 1 in shape.merges:
            below = _merge(graph, f"merge.{layer + 1}", below)
        states.append(replace(below, states=_layer(graph, f"encoder.layer.{layer}", below)))
    middles = {f"middle.{layer}": states[layer] for layer in shape.embedding_layers}
    for name, source in {"pooled": states[-1], "bag": tokens, **middles}.items():
        _pool(graph, name, source)
    _heads(graph)
    graph.gemm("language", "bag", "language")
    graph.node("Concat", ["bag", *middles], "vector.source", axis=-1)
    graph.gemm("embedding", "vector.source", "vector")
    graph.node("LpNormalization", ["vector"], "embedding", axis=-1, p=2)
    batch, length = "batch", "tokens"
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
                helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, [batch, length, width]),
                helper.make_tensor_value_info("mask", TensorProto.INT32, [batch, length]),
            ],
            outputs=[
                helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
                for name, sizes in outputs.items()
            ],
            initializer=graph.stored,
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)],
        ir_version=8,
        producer_name="answerback",
    )
    onnx.checker.check_model(model)
    return model


@dataclass(frozen=True, slots=True)
class _Tokens:
    """What a layer reads: names of three values."""

    states: str
    """[batch, tokens, width]"""
    mask: str
    """1 where there is a token, [batch, tokens], int32."""
    weight: str
    """Of how many tokens each was merged, [batch, tokens], float32."""


@dataclass(frozen=True, slots=True)
class _Graph:
    """Nodes and stored weights so far; each method adds something and returns its name."""

    weights: Weights
    shape: EncoderShape
    int8: bool
    inputs: Mapping[str, ByteRange] | None = None
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

    def linear(self, name: str, source: str, weights: Floats, bias: str) -> str:
        """Multiply by weights [inputs, outputs] and add the bias stored under that name."""
        if self.inputs is not None:
            return self.multiply_bytes(name, source, weights, bias, self.inputs[name])
        if self.int8:
            codes, scale = quantise_columns(weights)
            stored = [self.store(f"{name}.int8", codes), self.store(f"{name}.scale", scale)]
            matrix = self.node("DequantizeLinear", stored, f"{name}.matrix", axis=1)
        else:
            matrix = self.store(f"{name}.matrix", weights)
        product = self.node("MatMul", [source, matrix], f"{name}{PRODUCT}")
        return self.node("Add", [product, bias], f"{name}.sum")

    def multiply_bytes(self, name: str, source: str, weights: Floats, bias: str, given: ByteRange) -> str:
        codes, scale = quantise_columns(weights, _MOST_BESIDE_BYTES)
        scale_in = self.store(f"{name}.input.scale", np.array(given.scale, dtype=np.float32))
        zero_in = self.store(f"{name}.input.zero", np.array(given.zero, dtype=np.uint8))
        zeros = self.store(f"{name}.zero", np.zeros(len(scale), dtype=np.int8))
        matrix = self.store(f"{name}.int8", codes)
        matrix_scale = self.store(f"{name}.scale", scale)
        source = self.node("QuantizeLinear", [source, scale_in, zero_in], f"{name}.input")
        return self.node(
            "MatMulIntegerToFloat",
            [source, matrix, scale_in, matrix_scale, zero_in, zeros, bias],
            f"{name}.sum",
            domain=_CONTRIB,
        )

    def dense(self, name: str, source: str) -> str:
        return self.linear(name, source, self.weights[f"{name}.weight"].T, self.keep(f"{name}.bias"))

    def gemm(self, name: str, source: str, out: str) -> str:
        """A head: float32, since it is small and every error of it shows."""
        matrix = self.store(f"{name}.matrix", self.weights[f"{name}.weight"].T)
        return self.node("Gemm", [source, matrix, self.keep(f"{name}.bias")], out)

    def add_and_norm(self, name: str, update: str, states: str) -> str:
        # Two operators: the fused one, SkipLayerNormalization, takes four times as long on a processor (ONNX
        # Runtime 1.31), so the predictor keeps it from being put back.
        return self.norm(name, self.node("Add", [update, states], f"{name}.added"))

    def norm(self, name: str, states: str) -> str:
        norm = [self.keep(f"{name}.LayerNorm.weight"), self.keep(f"{name}.LayerNorm.bias")]
        return self.node(
            "LayerNormalization",
            [states, *norm],
            f"{name}.states",
            axis=-1,
            epsilon=self.shape.norm_epsilon,
        )


def _embed(graph: _Graph) -> str:
    """Add positions and the one token type that a single text has."""
    places = graph.weights["embeddings.position_embeddings.weight"][: graph.shape.max_tokens]
    graph.store("places", places + graph.weights["embeddings.token_type_embeddings.weight"][0])
    graph.store("zero", np.array([0], dtype=np.int64))
    graph.store("one", np.array([1], dtype=np.int64))
    graph.store("last", np.array([-1], dtype=np.int64))
    graph.node("Shape", ["mask"], "length", start=1, end=2)
    graph.node("Slice", ["places", "zero", "length", "zero"], "places.used")
    return graph.norm("embeddings", graph.node("Add", ["embeddings", "places.used"], "embeddings.placed"))


def _merge(graph: _Graph, name: str, tokens: _Tokens) -> _Tokens:
    """Put the mean of every two neighbours in their place; an odd one at the end stays alone."""
    width = graph.weights["embeddings.LayerNorm.weight"].shape[0]
    shapes = {
        "two": graph.store(f"{name}.two", np.array([2], dtype=np.int64)),
        "pairs": graph.store(f"{name}.pairs", np.array([0, -1, 2], dtype=np.int64)),
        "wide": graph.store(f"{name}.wide", np.array([0, -1, 2, width], dtype=np.int64)),
        "none": graph.store(f"{name}.none", np.zeros(1, dtype=np.int64)),
    }
    length = graph.node("Shape", [tokens.mask], f"{name}.length", start=1, end=2)
    odd = graph.node("Mod", [length, shapes["two"]], f"{name}.odd")
    none = shapes["none"]
    flat = graph.node("Concat", [none, none, none, odd], f"{name}.pads.flat", axis=0)
    deep = graph.node("Concat", [none, none, none, none, odd, none], f"{name}.pads.deep", axis=0)
    column = graph.node("Unsqueeze", [tokens.weight, "last"], f"{name}.column")
    weighted = graph.node("Mul", [tokens.states, column], f"{name}.weighted")
    weighted = graph.node("Pad", [weighted, deep], f"{name}.weighted.padded")
    weighted = graph.node("Reshape", [weighted, shapes["wide"]], f"{name}.weighted.pairs")
    total = graph.node("ReduceSum", [weighted, shapes["two"]], f"{name}.total", keepdims=0)
    weight = graph.node("Pad", [tokens.weight, flat], f"{name}.weight.padded")
    weight = graph.node("Reshape", [weight, shapes["pairs"]], f"{name}.weight.pairs")
    weight = graph.node("ReduceSum", [weight, shapes["two"]], f"{name}.weight", keepdims=0)
    # Where there is no token the sum is zero, and so is its mean.
    least = graph.store(f"{name}.least", np.ones((), dtype=np.float32))
    divisor = graph.node("Max", [weight, least], f"{name}.divisor")
    divisor = graph.node("Unsqueeze", [divisor, "last"], f"{name}.divisor.column")
    there = graph.node("Min", [weight, least], f"{name}.there")
    return _Tokens(
        states=graph.node("Div", [total, divisor], f"{name}.states"),
        mask=graph.node("Cast", [there], f"{name}.mask", to=TensorProto.INT32),
        weight=weight,
    )


def _layer(graph: _Graph, name: str, tokens: _Tokens) -> str:
    states = tokens.states
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    # One product for all three is quicker than three.
    joined = graph.linear(
        f"{name}.qkv",
        states,
        np.concatenate([graph.weights[f"{part}.weight"].T for part in parts], axis=1),
        graph.store(f"{name}.qkv.bias", np.concatenate([graph.weights[f"{part}.bias"] for part in parts])),
    )
    graph.node("Split", [joined], *parts, axis=-1)
    attended = graph.node(
        "MultiHeadAttention",
        [*parts, "", tokens.mask],
        f"{name}.attended",
        domain=_CONTRIB,
        num_heads=graph.shape.heads,
    )
    inner = f"{name}.attention.output"
    states = graph.add_and_norm(inner, graph.dense(f"{inner}.dense", attended), states)
    widened = graph.dense(f"{name}.intermediate.dense", states)
    curved = graph.node("Gelu", [widened], f"{name}.curved", domain=_CONTRIB)
    return graph.add_and_norm(f"{name}.output", graph.dense(f"{name}.output.dense", curved), states)


def _pool(graph: _Graph, name: str, tokens: _Tokens) -> None:
    """Average over the real tokens."""
    row = graph.node("Unsqueeze", [tokens.weight, "one"], f"{name}.row")
    total = graph.node("MatMul", [row, tokens.states], f"{name}.total")
    total = graph.node("Squeeze", [total, "one"], f"{name}.sum")
    count = graph.node("ReduceSum", [tokens.weight, "last"], f"{name}.count", keepdims=1)
    graph.node("Div", [total, count], name)


def _heads(graph: _Graph) -> None:
    for head in HEADS:
        if head in BINARY_HEADS:
            graph.gemm(f"top.{head}", "pooled", f"{head}.column")
            graph.node("Squeeze", [f"{head}.column", "last"], head)
        else:
            graph.gemm(f"top.{head}", "pooled", head)
