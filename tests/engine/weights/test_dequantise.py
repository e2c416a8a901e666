"""The float32 form: equal to gguf-py's, whatever the blocks hold."""

import numpy as np
import pytest
from reference.gguf_blocks import (
    FINITE_EXTREMES,
    NON_FINITE,
    QUANTISED,
    dequantised_by_gguf,
    ordinary_scales,
    random_blocks,
)

from pensieve.engine.weights.dequantise import CHUNK_WEIGHTS, dequantise


def dequantised(ggml_type: str, raw, num_weights: int) -> np.ndarray:
    weights = np.full(num_weights, 7, np.float32)
    dequantise(ggml_type, raw, weights)
    return weights


SCALES = {
    "ordinary": ordinary_scales(),
    "extreme": FINITE_EXTREMES,
    "not finite": np.concatenate([NON_FINITE, FINITE_EXTREMES[:4]]),
}


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES.keys())
@pytest.mark.parametrize("ggml_type", QUANTISED)
def test_every_quantised_type_equals_ggufs_dequantisation(ggml_type, scales):
    raw = random_blocks(ggml_type, 700, scales)

    expected = dequantised_by_gguf(ggml_type, raw)
    weights = dequantised(ggml_type, raw, len(expected))

    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("ggml_type", ["Q4_1", "Q6_K"])
def test_weights_do_not_depend_on_where_a_tensor_is_cut_into_chunks(ggml_type):
    num_blocks = 2 * CHUNK_WEIGHTS // 32 + 5
    raw = random_blocks(ggml_type, num_blocks, ordinary_scales())

    expected = dequantised_by_gguf(ggml_type, raw)
    weights = dequantised(ggml_type, raw, len(expected))

    np.testing.assert_array_equal(weights, expected)


def test_float_types_are_widened_exactly():
    halves = np.arange(1 << 16, dtype=np.uint16)

    float16 = dequantised("F16", halves, 1 << 16)
    bfloat16 = dequantised("BF16", halves, 1 << 16)
    float32 = dequantised("F32", float16, 1 << 16)

    np.testing.assert_array_equal(float16, dequantised_by_gguf("F16", halves))
    np.testing.assert_array_equal(bfloat16, dequantised_by_gguf("BF16", halves))
    np.testing.assert_array_equal(float32, float16)


@pytest.mark.parametrize("ggml_type", QUANTISED)
def test_too_few_bytes_are_refused(ggml_type):
    raw = random_blocks(ggml_type, 3, ordinary_scales())
    num_weights = len(dequantised_by_gguf(ggml_type, raw))

    with pytest.raises(ValueError, match="multiple of element size"):
        dequantised(ggml_type, raw[:-1], num_weights)
    with pytest.raises(ValueError, match=r"expected 4 blocks, got 3|cannot reshape"):
        dequantised(ggml_type, raw, num_weights // 3 * 4)
