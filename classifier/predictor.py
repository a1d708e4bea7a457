"""Serves the classifier with ONNX Runtime: one forward pass a text gives the whole verdict.

Loads no torch and no transformers. Weights are read at the first call, not at construction.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from classifier.artifact import (
    EMBEDDINGS,
    ENCODER,
    SCALES,
    SHIPPED,
    TOKENIZER,
    ArtifactError,
    Manifest,
    file_of,
    read_manifest,
    verify_files,
)
from classifier.calibration import softmax
from classifier.labels import BINARY_HEADS, LANGUAGES, SENTIMENTS
from classifier.language import declared_language, language_of
from classifier.quantise import Floats, Nibbles, Scales, dequantise_rows
from classifier.reason_vectors import read_reason_vectors
from classifier.text import normalise
from classifier.tokens import tokenizer_of
from desk.model.verdict import Sentiment, Verdict

THREADS = 2
TOKENS_PER_BATCH = 512
"""Padded tokens in one forward pass: 16 posts of 32 tokens, or 4 of 128. Larger batches pad more and leave
the cache; smaller ones do not fill the cores."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Raw outputs for n texts, in the texts' order."""

    complaint: Floats
    """Logits [n], uncalibrated; so are those of the next three."""
    anger: Floats
    abuse: Floats
    sentiment: Floats
    """[n, 3]"""
    language: Floats
    """Logits [n, len(LANGUAGES)]."""
    embedding: Floats
    """Unit length [n, width]."""


_OUTPUTS = [field.name for field in fields(Outputs)]


@dataclass(frozen=True, slots=True)
class _Weights:
    session: onnxruntime.InferenceSession
    tokenizer: Tokenizer
    nibbles: Nibbles
    scales: Scales


class OnnxPredictor:
    """Predicts with a folder of weights; safe to call from several threads."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self._directory = directory
        self._manifest = manifest
        self._weights: _Weights | None = None
        self._loading = threading.Lock()

    @property
    def version(self) -> str:
        """The version of the weights."""
        return self._manifest.version

    @property
    def manifest(self) -> Manifest:
        """Thresholds, calibration and sizes in use."""
        return self._manifest

    def predict(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """Return one verdict a text, in order.

        `langs` holds what the platform says of each text's language, where it says; it goes before the
        model's own opinion. Raises `ArtifactError` when the weights cannot be loaded.
        """
        cleaned = [normalise(text) for text in texts]
        declared = [declared_language(code) for code in langs] if langs is not None else [None] * len(texts)
        if len(declared) != len(cleaned):
            raise ValueError(f"{len(cleaned)} texts but {len(declared)} languages")
        outputs = self.outputs(cleaned)
        manifest = self._manifest
        complaint, anger, abuse = (
            getattr(manifest.calibration, head).probabilities(getattr(outputs, head).astype(np.float64))
            for head in BINARY_HEADS
        )
        sentiment = softmax(outputs.sentiment.astype(np.float64) / manifest.sentiment_temperature)
        language = softmax(outputs.language.astype(np.float64)).astype(np.float32)
        vectors = outputs.embedding.astype("<f2")
        return [
            Verdict(
                complaint=float(probability),
                is_complaint=bool(probability >= manifest.complaint_threshold),
                needs_look=bool(manifest.look_threshold <= probability < manifest.complaint_threshold),
                sentiment=Sentiment(*(float(share) for share in sentiment[row])),
                anger=float(anger[row]),
                abuse=float(abuse[row]),
                language=declared[row] or language_of(cleaned[row], language[row], manifest.language_floor),
                model=manifest.version,
                embedding=vectors[row].tobytes(),
            )
            for row, probability in enumerate(complaint)
        ]

    def outputs(self, cleaned: Sequence[str]) -> Outputs:
        """Return the raw outputs for normalised texts; what calibration is fitted on."""
        count = len(cleaned)
        outputs = Outputs(
            **{head: np.empty(count, dtype=np.float32) for head in BINARY_HEADS},
            sentiment=np.empty((count, len(SENTIMENTS)), dtype=np.float32),
            language=np.empty((count, len(LANGUAGES)), dtype=np.float32),
            embedding=np.empty((count, self._manifest.width), dtype=np.float32),
        )
        if not count:
            return outputs
        weights = self._load()
        ids = [encoding.ids for encoding in weights.tokenizer.encode_batch(list(cleaned))]
        for rows in batches_by_length([len(tokens) for tokens in ids], TOKENS_PER_BATCH):
            found = _forward(weights, [ids[row] for row in rows])
            for name, values in zip(_OUTPUTS, found, strict=True):
                getattr(outputs, name)[rows] = values
        return outputs

    def reason_vectors(self) -> Mapping[int, NDArray[np.float16]]:
        """Return what the folder stores of the general reasons. Raises `ArtifactError`."""
        self._load()  # checks that the files are whole
        return read_reason_vectors(self._directory, self._manifest)

    def _load(self) -> _Weights:
        with self._loading:
            if self._weights is None:
                self._weights = _read_weights(self._directory, self._manifest)
            return self._weights


def load_predictor(
    directory: Path | None = None,
    complaint_threshold: float | None = None,
    look_threshold: float | None = None,
) -> OnnxPredictor:
    """Return a predictor for a folder of weights, the shipped ones by default.

    A threshold that is given replaces the folder's own. Raises `ArtifactError` at once for a missing or
    unreadable manifest or a threshold outside 0 to 1, and at the first prediction for damaged weights.
    """
    directory = SHIPPED if directory is None else directory
    manifest = read_manifest(directory)
    for name, value in (("complaint_threshold", complaint_threshold), ("look_threshold", look_threshold)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise ArtifactError(f"{name} is {value}; it is a probability, from 0 to 1.")
    chosen = manifest.with_thresholds(complaint_threshold=complaint_threshold, look_threshold=look_threshold)
    return OnnxPredictor(directory, chosen)


def batches_by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the indices of the texts, shortest first, in batches of at most `budget` padded tokens.

    A text longer than the budget gets a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[index] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _forward(weights: _Weights, ids: list[list[int]]) -> list[Floats]:
    flat = np.concatenate([np.asarray(tokens, dtype=np.int64) for tokens in ids])
    lengths = np.array([len(tokens) for tokens in ids])
    real: NDArray[np.bool_] = np.arange(lengths.max()) < lengths[:, None]
    table = dequantise_rows(weights.nibbles[flat], weights.scales[flat])
    # Padding stays zero: the mask keeps it out of attention and pooling.
    embeddings = np.zeros((*real.shape, table.shape[1]), dtype=np.float32)
    embeddings[real] = table
    feed = {"embeddings": embeddings, "mask": real.astype(np.int32)}
    found: list[Floats] = weights.session.run(_OUTPUTS, feed)
    return found


def _read_weights(directory: Path, manifest: Manifest) -> _Weights:
    if manifest.sentiments != SENTIMENTS or manifest.languages != LANGUAGES:
        raise ArtifactError(f"{directory}: the weights have other labels than this version. Train again.")
    verify_files(directory, manifest)
    tokenizer = tokenizer_of(file_of(directory, manifest, TOKENIZER).read_bytes(), manifest.max_tokens)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    # Waiting threads sleep: the model shares its machine with the desk.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Decode the int8 weights once at loading and not in every pass; products are then of float32, but for
    # those that a graph has of bytes.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return _Weights(
        session=onnxruntime.InferenceSession(
            str(directory / ENCODER),
            sess_options=options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],
        ),
        tokenizer=tokenizer,
        # Mapped, so that only the rows in use take memory.
        nibbles=np.load(file_of(directory, manifest, EMBEDDINGS), mmap_mode="r", allow_pickle=False),
        scales=np.load(file_of(directory, manifest, SCALES), mmap_mode="r", allow_pickle=False),
    )
