"""The small number formats give back what they were given, within their step."""

from __future__ import annotations

import numpy as np

from classifier.quantise import BLOCK, dequantise_rows, quantise_columns, quantise_rows


def test_values_on_the_four_bit_grid_come_back() -> None:
    codes = np.random.default_rng(1).integers(-8, 8, (50, 2 * BLOCK))
    codes[:, ::BLOCK] = -8  # each block reaches its largest magnitude
    table = (codes * 0.03125).astype(np.float32)
    np.testing.assert_array_equal(dequantise_rows(*quantise_rows(table)), table)


def test_other_values_are_off_by_half_a_step_or_a_clipped_one() -> None:
    table = np.random.default_rng(2).normal(size=(50, 2 * BLOCK)).astype(np.float32)
    step = np.abs(table).reshape(50, 2, BLOCK).max(axis=2).repeat(BLOCK, axis=1) / 8
    assert (np.abs(dequantise_rows(*quantise_rows(table)) - table) <= step * 1.01).all()


def test_a_selection_of_rows_decodes_alone() -> None:
    table = np.random.default_rng(3).normal(size=(9, BLOCK)).astype(np.float32)
    nibbles, scales = quantise_rows(table)
    np.testing.assert_array_equal(
        dequantise_rows(nibbles[[4, 4, 0]], scales[[4, 4, 0]]), dequantise_rows(nibbles, scales)[[4, 4, 0]]
    )


def test_a_block_of_zeros_stays_zero() -> None:
    assert not dequantise_rows(*quantise_rows(np.zeros((2, BLOCK), dtype=np.float32))).any()


def test_columns_keep_their_own_scale() -> None:
    weights = np.array([[1.0, 100.0, 0.0], [-0.5, 50.0, 0.0]], dtype=np.float32)
    codes, scale = quantise_columns(weights)
    np.testing.assert_allclose(codes * scale, weights, atol=0.5)
    np.testing.assert_allclose((codes * scale)[:, 0], weights[:, 0], atol=0.005)
