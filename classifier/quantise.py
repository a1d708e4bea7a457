"""Small number formats for the weights that ship; numpy only, since serving decodes the embedding table.

The table of token embeddings is stored in 4 bits, 32 values along a row sharing a scale: 4.5 bits a value,
216 bytes for a row of 384 instead of 1,536. The block's value of largest magnitude is -8 scales exactly, as
in GGML's Q4_0, the format the base model went through: what is on that grid already comes back unchanged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Values that share a scale; a row's width is a multiple of it."""

Floats = NDArray[np.float32]
Nibbles = NDArray[np.uint8]
Scales = NDArray[np.float16]


def quantise_rows(table: Floats) -> tuple[Nibbles, Scales]:
    """Quantise [rows, width] to packed nibbles [rows, width / 2] and scales [rows, width / BLOCK].

    An even column lies in the low nibble.
    """
    rows, width = table.shape
    blocks = table.astype(np.float32).reshape(rows, width // BLOCK, BLOCK)
    largest = np.abs(blocks).argmax(axis=2, keepdims=True)
    scales = (np.take_along_axis(blocks, largest, axis=2) / -8).astype(np.float16)
    # Round against the scales as they are stored, not as they were computed.
    steps = np.zeros_like(blocks)
    np.divide(blocks, scales.astype(np.float32), out=steps, where=scales != 0)
    codes = np.clip(np.rint(steps) + 8, 0, 15).astype(np.uint8).reshape(rows, width)
    return codes[:, 0::2] | (codes[:, 1::2] << 4), scales[..., 0]


def dequantise_rows(nibbles: Nibbles, scales: Scales) -> Floats:
    """Decode what `quantise_rows` made, for any selection of rows: [rows, width], float32."""
    rows, half = nibbles.shape
    codes = np.empty((rows, half * 2), dtype=np.float32)
    codes[:, 0::2] = nibbles & 0x0F
    codes[:, 1::2] = nibbles >> 4
    blocks = codes.reshape(rows, -1, BLOCK)
    blocks -= 8
    blocks *= scales[..., None].astype(np.float32)
    return codes


def quantise_columns(weights: Floats, most: int = 127) -> tuple[NDArray[np.int8], Floats]:
    """Quantise [inputs, outputs] to int8 with one symmetric scale per output column [outputs].

    `most` is the largest code.
    """
    scale = (np.abs(weights).max(axis=0) / most).astype(np.float32)
    scale[scale == 0] = 1.0
    return np.clip(np.rint(weights / scale), -most, most).astype(np.int8), scale
