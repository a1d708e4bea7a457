"""The vectors of the general reasons' sentences, kept beside the weights that gave them.

Reading a thousand sentences takes seconds at the first post; reading their vectors does not. A sentence that
is not found (an operator's, or one changed since the training) is simply read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.artifact import REASONS, Manifest, file_of, with_file
from desk.ports import Predictor

Vector = NDArray[np.float16]


def write_reason_vectors(directory: Path, predictor: Predictor, sentences: Sequence[str]) -> Manifest:
    """Store the predictor's vector of each sentence in a weights folder; return the folder's new manifest."""
    rows = [verdict.embedding for verdict in predictor.predict(sentences)]
    np.savez(
        directory / REASONS,
        digests=np.array([digest(sentence) for sentence in sentences], dtype=np.uint64),
        vectors=np.stack([np.frombuffer(row, dtype="<f2") for row in rows]),
    )
    return with_file(directory, REASONS)


def read_reason_vectors(directory: Path, manifest: Manifest) -> Mapping[int, Vector]:
    """Return the stored vectors by the digest of their sentence; none where a folder stores none."""
    path = file_of(directory, manifest, REASONS)
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return dict(zip(stored["digests"].tolist(), stored["vectors"], strict=True))


def digest(sentence: str) -> int:
    """Return 64 bits of the sentence's SHA-256."""
    return int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:8], "little")
