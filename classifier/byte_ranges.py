"""Measures between which values the inputs of an encoder's products lie, so that they can be read as bytes.

The ranges are fixed when the weights are written and not taken from each batch, or a post's verdict would
depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from classifier.graph import PRODUCT, ByteRange, EncoderShape, Weights, build_graph
from classifier.quantise import Floats
from classifier.tokens import tokenizer_of

_TAIL = 1e-5
"""Share of the values at either end that the range leaves out: a few outliers would make all steps coarse."""


def byte_ranges(
    weights: Weights, shape: EncoderShape, tokenizer: bytes, texts: Sequence[str]
) -> dict[str, ByteRange]:
    """Return the range of each product's input over normalised texts, by the product's name."""
    model = build_graph(weights, shape, int8=False)
    products = {
        node.output[0].removesuffix(PRODUCT): node.input[0]
        for node in model.graph.node
        if node.output[0].endswith(PRODUCT)
    }
    sources = list(dict.fromkeys(products.values()))
    for source in sources:
        model.graph.output.append(helper.make_tensor_value_info(source, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    reader = tokenizer_of(tokenizer, shape.max_tokens)
    table = weights["embeddings.word_embeddings.weight"]
    seen: dict[str, list[Floats]] = {source: [] for source in sources}
    for encoding in reader.encode_batch(list(texts)):
        feed = {
            "embeddings": table[encoding.ids][None],
            "mask": np.ones((1, len(encoding.ids)), dtype=np.int32),
        }
        for source, values in zip(sources, session.run(sources, feed), strict=True):
            seen[source].append(values.ravel())
    found = {source: _range(np.concatenate(values)) for source, values in seen.items()}
    return {product: found[source] for product, source in products.items()}


def _range(values: Floats) -> ByteRange:
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    # Zero must be a step of its own: it is the commonest value behind an activation.
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = (high - low) / 255 or 1.0
    return ByteRange(scale, round(-low / scale))
