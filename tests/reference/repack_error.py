"""How far repacking may move a weight: the docstring of weights.repack as code."""

import mlx.core as mx
import numpy as np
from reference.gguf_blocks import dequantised_by_gguf

from pensieve.engine.weights.blocks import as_blocks, unpack
from pensieve.engine.weights.repack import Packed
from pensieve.models.tensor_forms import FIDELITY, GROUP_SIZE


def repack_error_bound(ggml_type: str, raw) -> np.ndarray:
    """Return one bound a weight, flat, float64; 0 for the exact types."""
    groups = unpack(ggml_type, as_blocks(ggml_type, raw))
    if FIDELITY[ggml_type] == "exact":
        return np.zeros(groups.codes.size)
    exact = dequantised_by_gguf(ggml_type, raw).astype(np.float64)
    if FIDELITY[ggml_type] == "rounded":
        bound = (
            groups.codes * float16_rounding(groups.scales)[:, None]
            + float16_rounding(groups.minimums)[:, None]
        ).reshape(-1)
        largest = np.abs(groups.codes * groups.scales[:, None]).reshape(-1)
    else:
        pairs = exact.reshape(-1, GROUP_SIZE)
        low, high = pairs.min(axis=1), pairs.max(axis=1)
        bias_moves = np.maximum(2.0**-10 * np.abs(low), 2.0**-24)
        step = (high - low + bias_moves) / 255 * (1 + 2.0**-10) + 2.0**-24
        bound = np.repeat(step / 2, GROUP_SIZE)
        largest = np.repeat(np.maximum(np.abs(low), np.abs(high)), GROUP_SIZE)
    # Products and sums in float32, gguf-py's and MLX's.
    return bound + 2.0**-22 * (largest + np.abs(exact))


def unpacked(packed: Packed) -> np.ndarray:
    """Return MLX's reading of the packed form, computed in float32, flat."""
    weights = mx.dequantize(
        mx.array(packed.weight),
        mx.array(packed.scales).astype(mx.float32),
        mx.array(packed.biases).astype(mx.float32),
        group_size=GROUP_SIZE,
        bits=packed.bits,
    )
    return np.array(weights).reshape(-1)


def float16_rounding(values: np.ndarray) -> np.ndarray:
    """Return the largest error of rounding each number to float16."""
    return np.maximum(2.0**-11 * np.abs(values), 2.0**-25)
