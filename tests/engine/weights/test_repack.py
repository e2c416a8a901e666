"""The packed form: what MLX makes of it, against gguf-py's dequantisation."""

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
from reference.repack_error import repack_error_bound, unpacked

from pensieve.engine.weights.blocks import BLOCKS
from pensieve.engine.weights.repack import CHUNK_WEIGHTS, repack
from pensieve.models.tensor_forms import BITS, FIDELITY

EXACT = [name for name in QUANTISED if FIDELITY[name] == "exact"]
ROUNDED = [name for name in QUANTISED if FIDELITY[name] == "rounded"]
ALL_SUBNORMAL = np.array([2.0**-24, -3 * 2.0**-24], np.float16)
SCALES = {
    "ordinary": ordinary_scales(),
    "extreme": FINITE_EXTREMES,
    "subnormal": ALL_SUBNORMAL,
}
COLUMNS = 512


def blocks_and_shape(ggml_type, scales, rows=40):
    """Return the bytes of a matrix of that many rows, and its shape."""
    num_blocks = rows * COLUMNS // (256 if ggml_type.endswith("_K") else 32)
    return random_blocks(ggml_type, num_blocks, scales), (rows, COLUMNS)


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES.keys())
@pytest.mark.parametrize("ggml_type", EXACT)
def test_types_of_one_scale_a_group_are_repacked_exactly(ggml_type, scales):
    raw, shape = blocks_and_shape(ggml_type, scales)

    packed = repack(ggml_type, raw, shape)

    np.testing.assert_array_equal(unpacked(packed), dequantised_by_gguf(ggml_type, raw))


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES.keys())
@pytest.mark.parametrize("ggml_type", [*ROUNDED, "Q6_K"])
def test_k_types_stay_within_the_stated_error(ggml_type, scales):
    raw, shape = blocks_and_shape(ggml_type, scales)

    packed = repack(ggml_type, raw, shape)

    error = np.abs(unpacked(packed) - dequantised_by_gguf(ggml_type, raw))
    assert (error <= repack_error_bound(ggml_type, raw)).all()


@pytest.mark.parametrize("ggml_type", ROUNDED)
def test_k_types_of_five_and_four_bits_are_exact_where_scales_are_float32(ggml_type):
    raw, shape = blocks_and_shape(ggml_type, FINITE_EXTREMES)

    packed = repack(ggml_type, raw, shape)

    assert packed.scales.dtype == np.float32
    np.testing.assert_array_equal(unpacked(packed), dequantised_by_gguf(ggml_type, raw))


@pytest.mark.parametrize("ggml_type", QUANTISED)
def test_scales_are_float16_for_weights_as_they_are_trained(ggml_type):
    raw, shape = blocks_and_shape(ggml_type, ordinary_scales())

    packed = repack(ggml_type, raw, shape)

    assert packed.scales.dtype == packed.biases.dtype == np.float16
    assert packed.weight.shape == (shape[0], COLUMNS * BITS[ggml_type] // 32)
    assert packed.scales.shape == packed.biases.shape == (shape[0], COLUMNS // 32)


@pytest.mark.parametrize(
    ("ggml_type", "largest"), [("Q4_0", 8188), ("Q5_0", 4094), ("Q8_0", 511.75)]
)
def test_scales_are_float32_where_a_bias_leaves_float16(ggml_type, largest):
    beyond = np.nextafter(np.float16(largest), np.float16(np.inf))

    inside = repack(ggml_type, *blocks_and_shape(ggml_type, [largest]))
    outside = repack(ggml_type, *blocks_and_shape(ggml_type, [largest, beyond]))

    assert inside.scales.dtype == np.float16
    assert outside.scales.dtype == outside.biases.dtype == np.float32


@pytest.mark.parametrize("ggml_type", QUANTISED)
def test_a_group_without_finite_weights_keeps_none(ggml_type):
    raw, shape = blocks_and_shape(
        ggml_type, np.append(NON_FINITE, FINITE_EXTREMES[4:8])
    )
    exact = dequantised_by_gguf(ggml_type, raw)

    weights = unpacked(repack(ggml_type, raw, shape))

    finite = np.isfinite(exact)
    assert 0 < finite.sum() < finite.size
    np.testing.assert_array_equal(np.isfinite(weights), finite)
    error = np.abs(weights[finite] - exact[finite])
    with np.errstate(invalid="ignore"):
        assert (error <= repack_error_bound(ggml_type, raw)[finite]).all()


@pytest.mark.parametrize("ggml_type", QUANTISED)
def test_packing_does_not_depend_on_where_a_tensor_is_cut_into_chunks(ggml_type):
    rows = 2 * CHUNK_WEIGHTS // COLUMNS + 3
    raw, shape = blocks_and_shape(ggml_type, ordinary_scales(), rows)
    row_bytes = len(raw) // rows

    whole = repack(ggml_type, raw, shape)

    for row in (0, CHUNK_WEIGHTS // COLUMNS, rows - 1):
        alone = repack(
            ggml_type, raw[row * row_bytes : (row + 1) * row_bytes], (1, COLUMNS)
        )
        np.testing.assert_array_equal(whole.weight[row], alone.weight[0])
        np.testing.assert_array_equal(whole.biases[row], alone.biases[0])


def test_every_type_that_has_blocks_can_be_packed():
    assert set(FIDELITY) == set(BITS) == set(BLOCKS) == set(QUANTISED)


def test_a_matrix_of_another_size_is_refused():
    raw, (rows, columns) = blocks_and_shape("Q4_K", ordinary_scales())

    with pytest.raises(ValueError, match="expected 82 blocks, got 80"):
        repack("Q4_K", raw, (rows + 1, columns))
