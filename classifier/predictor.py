"""Serves the classifier with ONNX Runtime: one forward pass a text gives the whole verdict.

Most texts are answered after the lower layers; the pass goes on to the top for the others.

Loads no torch and no transformers. Weights are read at the first call, not at construction.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from classifier.artifact import (
    EARLY,
    EMBEDDINGS,
    LATE,
    SCALES,
    SHIPPED,
    TOKENIZER,
    ArtifactError,
    Manifest,
    read_manifest,
    verify_files,
)
from classifier.calibration import softmax
from classifier.early_exit import final, is_sure
from classifier.labels import HEADS, LANGUAGES, SENTIMENTS
from classifier.language import declared_language, language_of
from classifier.quantise import Floats, Nibbles, Scales, dequantise_rows
from classifier.text import normalise
from desk.model.verdict import Sentiment, Verdict

THREADS = 2
TOKENS_PER_BATCH = 2_048
"""Padded tokens in one forward pass: 64 posts of 32 tokens, or 16 of 128."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Raw outputs for n texts, in the texts' order."""

    early: dict[str, Floats]
    """Logits by head of `HEADS`, uncalibrated: [n], of sentiment [n, 3]."""
    top: dict[str, Floats]
    """The same from the top layer; of no meaning where it was not asked."""
    asked: NDArray[np.bool_]
    """Whether the top layer was asked, [n]."""
    language: Floats
    """Logits [n, len(LANGUAGES)]."""
    embedding: Floats
    """Unit length [n, width]."""


@dataclass(frozen=True, slots=True)
class _Weights:
    early: onnxruntime.InferenceSession
    late: onnxruntime.InferenceSession
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
        said = final(manifest, outputs)
        language = softmax(outputs.language.astype(np.float64)).astype(np.float32)
        vectors = outputs.embedding.astype("<f2")
        return [
            Verdict(
                complaint=float(probability),
                is_complaint=bool(probability >= manifest.complaint_threshold),
                needs_look=bool(manifest.look_threshold <= probability < manifest.complaint_threshold),
                sentiment=Sentiment(*(float(share) for share in said.sentiment[row])),
                anger=float(said.anger[row]),
                abuse=float(said.abuse[row]),
                language=declared[row] or language_of(cleaned[row], language[row], manifest.language_floor),
                model=manifest.version,
                embedding=vectors[row].tobytes(),
            )
            for row, probability in enumerate(said.complaint)
        ]

    def outputs(self, cleaned: Sequence[str], *, ask_top: bool = False) -> Outputs:
        """Return the raw outputs for normalised texts; what calibration is fitted on.

        `ask_top` asks the top layer about every text, also where the early heads are sure.
        """
        weights = self._load()
        count = len(cleaned)
        outputs = Outputs(
            early={head: _empty(count, size) for head, size in HEADS.items()},
            top={head: _empty(count, size) for head, size in HEADS.items()},
            asked=np.zeros(count, dtype=np.bool_),
            language=np.empty((count, len(LANGUAGES)), dtype=np.float32),
            embedding=np.empty((count, self._manifest.width), dtype=np.float32),
        )
        if not count:
            return outputs
        ids = [encoding.ids for encoding in weights.tokenizer.encode_batch(list(cleaned))]
        for rows in batches_by_length([len(tokens) for tokens in ids], TOKENS_PER_BATCH):
            self._fill(weights, outputs, np.array(rows), [ids[row] for row in rows], ask_top=ask_top)
        return outputs

    def _fill(
        self,
        weights: _Weights,
        outputs: Outputs,
        rows: NDArray[np.int64],
        ids: list[list[int]],
        *,
        ask_top: bool,
    ) -> None:
        """One batch: the lower layers for all of it, the upper ones for what those are not sure of."""
        embeddings, mask = _padded(weights, ids)
        names = [*HEADS, "language", "embedding", "states"]
        found = dict(
            zip(names, weights.early.run(names, {"embeddings": embeddings, "mask": mask}), strict=True)
        )
        for head in HEADS:
            outputs.early[head][rows] = found[head]
        outputs.language[rows], outputs.embedding[rows] = found["language"], found["embedding"]
        asked = np.ones(len(rows), dtype=np.bool_)
        if not ask_top:
            asked = ~is_sure(self._manifest, {head: found[head] for head in HEADS})
        if not asked.any():
            return
        longest = int(mask[asked].sum(axis=1).max())
        feed = {"states": found["states"][asked, :longest], "mask": mask[asked, :longest]}
        for head, logits in zip(HEADS, weights.late.run(list(HEADS), feed), strict=True):
            outputs.top[head][rows[asked]] = logits
        outputs.asked[rows[asked]] = True

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


def _empty(count: int, size: int) -> Floats:
    return np.zeros(count if size == 1 else (count, size), dtype=np.float32)


def _padded(weights: _Weights, ids: list[list[int]]) -> tuple[Floats, NDArray[np.int32]]:
    """Token embeddings [batch, tokens, width] and mask [batch, tokens]."""
    flat = np.concatenate([np.asarray(tokens, dtype=np.int64) for tokens in ids])
    lengths = np.array([len(tokens) for tokens in ids])
    real: NDArray[np.bool_] = np.arange(lengths.max()) < lengths[:, None]
    table = dequantise_rows(weights.nibbles[flat], weights.scales[flat])
    # Padding stays zero: the mask keeps it out of attention and pooling.
    embeddings = np.zeros((*real.shape, table.shape[1]), dtype=np.float32)
    embeddings[real] = table
    return embeddings, real.astype(np.int32)


def _read_weights(directory: Path, manifest: Manifest) -> _Weights:
    if manifest.sentiments != SENTIMENTS or manifest.languages != LANGUAGES:
        raise ArtifactError(f"{directory}: the weights have other labels than this version. Train again.")
    verify_files(directory, manifest)
    tokenizer = Tokenizer.from_file(str(directory / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(manifest.max_tokens)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    # Waiting threads sleep: the model shares its machine with the desk.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Decode the int8 weights once at loading and not in every pass; products are then float32 throughout.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    early, late = (
        onnxruntime.InferenceSession(
            str(directory / name), sess_options=options, providers=["CPUExecutionProvider"]
        )
        for name in (EARLY, LATE)
    )
    return _Weights(
        early=early,
        late=late,
        tokenizer=tokenizer,
        # Mapped, so that only the rows in use take memory.
        nibbles=np.load(directory / EMBEDDINGS, mmap_mode="r", allow_pickle=False),
        scales=np.load(directory / SCALES, mmap_mode="r", allow_pickle=False),
    )
