"""The graph computes what torch computes, and int8 weights cost what is stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer
from transformers import BertModel

from classifier.artifact import EMBEDDINGS, SCALES
from classifier.export import EncoderShape, build_graph
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
INT8_TOLERANCE = 0.05
"""Largest change of a logit on this two-layer network; its logits spread over about 4."""


def run(graph: bytes, embeddings: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
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
    graph = build_graph(weights | heads, SHAPE, int8=False).SerializeToString()
    found = run(graph, weights["embeddings.word_embeddings.weight"][ids], mask)
    with torch.no_grad():
        states = encoder(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), output_hidden_states=True
        ).hidden_states
    real = mask[:, :, None]
    middle, pooled = ((states[layer].numpy() * real).sum(axis=1) / real.sum(axis=1) for layer in (1, 2))
    expected = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    np.testing.assert_allclose(found["embedding"], expected, atol=1e-5)
    np.testing.assert_allclose(
        found["sentiment"], pooled @ heads["sentiment.weight"].T + heads["sentiment.bias"], atol=1e-4
    )
    np.testing.assert_allclose(
        found["complaint"], pooled @ heads["complaint.weight"][0] + heads["complaint.bias"][0], atol=1e-4
    )


_HEADS = ("complaint", "sentiment", "language")


def test_int8_weights_stay_within_the_tolerance() -> None:
    ids, mask = padded_sample()
    weights = tiny_weights()
    embeddings = weights["embeddings.word_embeddings.weight"][ids]
    exact, small = (
        run(build_graph(weights, SHAPE, int8=int8).SerializeToString(), embeddings, mask)
        for int8 in (False, True)
    )
    for head in ("complaint", "sentiment"):
        assert np.abs(exact[head] - small[head]).max() <= INT8_TOLERANCE
    assert (exact["sentiment"].argmax(axis=1) == small["sentiment"].argmax(axis=1)).all()
    # The language head reads the token table alone, which no encoder weight touches.
    np.testing.assert_array_equal(exact["language"], small["language"])


def test_int8_weights_take_a_quarter_of_the_room() -> None:
    weights = tiny_weights()
    exact, small = (build_graph(weights, SHAPE, int8=int8).ByteSize() for int8 in (False, True))
    assert small < exact / 2  # a quarter for the large matrices; this network has small ones


def test_positions_stop_at_the_longest_text_served() -> None:
    short = build_graph(
        tiny_weights(), EncoderShape(layers=2, heads=2, max_tokens=8, norm_epsilon=1e-12, embedding_layer=1)
    )
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
