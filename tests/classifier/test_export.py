"""The graph computes what torch computes, and int8 weights cost what is stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertModel

from classifier.artifact import EMBEDDINGS, SCALES
from classifier.byte_ranges import byte_ranges
from classifier.graph import EncoderShape, build_graph
from classifier.labels import BINARY_HEADS, HEADS
from classifier.language_head import bag_of_tokens
from classifier.predictor import load_predictor
from classifier.text import normalise
from tests.classifier.tiny import SHAPE, WIDTH, tiny_tokenizer, tiny_weights

SAMPLE = [
    "@user my bank card is not working, great...",
    "thanks, I love the service",
    "broken again? http",
    "où est mon remboursement",
    "karta hâlâ bloke, kimse cevap vermiyor",
    "не работает",
    "a",
    "",
]
BYTE_TOLERANCE = 0.15
INT8_TOLERANCE = 0.05
"""Largest change of a logit on this two-layer network; its logits spread over about 4."""


def run(
    weights: dict[str, np.ndarray], embeddings: np.ndarray, mask: np.ndarray, *, int8: bool
) -> dict[str, np.ndarray]:
    graph = build_graph(weights, SHAPE, int8=int8).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"embeddings": embeddings, "mask": mask}), strict=True))


def padded_sample() -> tuple[np.ndarray, np.ndarray]:
    """Token ids and mask of the sample, padded to its longest text."""
    tokenizer = Tokenizer.from_str(tiny_tokenizer().decode())
    tokenizer.enable_truncation(SHAPE.max_tokens)
    ids = [found.ids for found in tokenizer.encode_batch([normalise(text) for text in SAMPLE])]
    longest = max(map(len, ids))
    return (
        np.array([one + [1] * (longest - len(one)) for one in ids]),
        np.array([[1] * len(one) + [0] * (longest - len(one)) for one in ids], dtype=np.int32),
    )


def test_the_graph_computes_what_torch_computes(tiny_base: Path) -> None:
    ids, mask = padded_sample()
    encoder = BertModel.from_pretrained(tiny_base, add_pooling_layer=False).eval()
    weights = {name: value.numpy() for name, value in encoder.state_dict().items()}
    heads = {name: value for name, value in tiny_weights().items() if name.split(".")[0] in _HEADS}
    table = weights["embeddings.word_embeddings.weight"][ids]
    found = run(weights | heads, table, mask, int8=False)
    with torch.no_grad():
        states = encoder(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), output_hidden_states=True
        ).hidden_states
    bag, middle, top = (mean(values, mask) for values in (table, states[1].numpy(), states[2].numpy()))
    vector = np.concatenate([bag, middle], axis=1) @ heads["embedding.weight"].T + heads["embedding.bias"]
    np.testing.assert_allclose(
        found["embedding"], vector / np.linalg.norm(vector, axis=1, keepdims=True), atol=1e-5
    )
    for head in HEADS:
        expected = top @ heads[f"top.{head}.weight"].T + heads[f"top.{head}.bias"]
        if head in BINARY_HEADS:
            expected = expected[:, 0]
        np.testing.assert_allclose(found[head], expected, atol=1e-4)


def mean(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    real = mask[:, :, None]
    pooled: np.ndarray = (states * real).sum(axis=1) / real.sum(axis=1)
    return pooled


_HEADS = ("top", "language", "embedding")


def test_int8_weights_stay_within_the_tolerance() -> None:
    ids, mask = padded_sample()
    weights = tiny_weights()
    embeddings = weights["embeddings.word_embeddings.weight"][ids]
    exact, small = (run(weights, embeddings, mask, int8=int8) for int8 in (False, True))
    for head in HEADS:
        assert np.abs(exact[head] - small[head]).max() <= INT8_TOLERANCE
    assert (exact["sentiment"].argmax(axis=1) == small["sentiment"].argmax(axis=1)).all()
    # The language head reads the token table alone, which no encoder weight touches.
    np.testing.assert_array_equal(exact["language"], small["language"])


def test_bytes_stay_within_the_tolerance() -> None:
    ids, mask = padded_sample()
    weights = tiny_weights()
    embeddings = weights["embeddings.word_embeddings.weight"][ids]
    sample = [normalise(text) for text in SAMPLE]
    ranges = byte_ranges(weights, SHAPE, tiny_tokenizer(), sample)
    graph = build_graph(weights, SHAPE, inputs=ranges)
    codes = [numpy_helper.to_array(one) for one in graph.graph.initializer if one.name.endswith(".int8")]
    assert (
        max(np.abs(one.astype(int)).max() for one in codes) == 63
    )  # no sum of two products overflows 16 bits
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    small = dict(zip(HEADS, session.run(list(HEADS), {"embeddings": embeddings, "mask": mask}), strict=True))
    exact = run(weights, embeddings, mask, int8=False)
    for head in HEADS:
        assert np.abs(exact[head] - small[head]).max() <= BYTE_TOLERANCE


def test_int8_weights_take_a_quarter_of_the_room() -> None:
    weights = tiny_weights()
    exact, small = (build_graph(weights, SHAPE, int8=int8).ByteSize() for int8 in (False, True))
    assert small < exact / 2  # a quarter for the large matrices; this network has small ones


def test_positions_stop_at_the_longest_text_served() -> None:
    shape = EncoderShape(layers=2, embedding_layers=(1,), heads=2, max_tokens=8, norm_epsilon=1e-12)
    short = build_graph(tiny_weights(), shape)
    places = next(tensor for tensor in short.graph.initializer if tensor.name == "places")
    assert list(places.dims) == [8, WIDTH]


def test_the_language_head_trains_on_what_the_graph_sees(tiny_folder: Path) -> None:
    predictor = load_predictor(tiny_folder)
    tokenizer = Tokenizer.from_str(tiny_tokenizer().decode())
    tokenizer.enable_truncation(SHAPE.max_tokens)
    bags = bag_of_tokens(SAMPLE, tokenizer, np.load(tiny_folder / EMBEDDINGS), np.load(tiny_folder / SCALES))
    weights = tiny_weights()
    expected = bags @ weights["language.weight"].T + weights["language.bias"]
    np.testing.assert_allclose(predictor.outputs(SAMPLE).language, expected, atol=1e-4)
