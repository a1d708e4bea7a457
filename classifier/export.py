"""Writes a weights folder from trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from classifier.artifact import (
    EMBEDDINGS,
    ENCODER,
    FILES,
    FORMAT,
    SCALES,
    TOKENIZER,
    Manifest,
    sha256_of,
    write_manifest,
)
from classifier.byte_ranges import byte_ranges
from classifier.calibration import Calibration
from classifier.graph import EncoderShape, Weights, build_graph
from classifier.labels import LANGUAGES, SENTIMENTS
from classifier.quantise import quantise_rows

LANGUAGE_FLOOR = 0.6


def write_folder(
    out: Path,
    weights: Weights,
    shape: EncoderShape,
    tokenizer: bytes,
    version: str,
    sample: Sequence[str] = (),
) -> Manifest:
    """Write a whole weights folder whose manifest is not calibrated yet; return that manifest.

    With a sample of normalised texts the encoder multiplies bytes, in ranges that are measured on it.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = weights["embeddings.word_embeddings.weight"]
    inputs = byte_ranges(weights, shape, tokenizer, sample) if sample else None
    onnx.save(build_graph(weights, shape, inputs=inputs), str(out / ENCODER))
    nibbles, scales = quantise_rows(table)
    np.save(out / EMBEDDINGS, nibbles)
    np.save(out / SCALES, scales)
    (out / TOKENIZER).write_bytes(tokenizer)
    manifest = Manifest(
        format=FORMAT,
        version=version,
        width=table.shape[1],
        vocabulary=table.shape[0],
        max_tokens=shape.max_tokens,
        complaint_threshold=0.5,
        look_threshold=0.5,
        calibration=Calibration(),
        sentiment_temperature=1.0,
        language_floor=LANGUAGE_FLOOR,
        sentiments=SENTIMENTS,
        languages=LANGUAGES,
        files={name: sha256_of(out / name) for name in FILES},
    )
    write_manifest(out, manifest)
    return manifest
