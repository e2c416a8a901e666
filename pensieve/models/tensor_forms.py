"""What becomes of GGUF's tensor types when a model is loaded: one table of facts.

On a CPU all weights are held as float32. On a GPU quantised matrices are repacked to
MLX's affine groups of 32 weights, each with a scale and a bias, and everything else has
one type, which is also that of the activations and of keys and values. What repacking
does is told in pensieve/engine/weights/repack.py.
"""

from collections.abc import Iterable
from math import prod
from typing import Literal

GROUP_SIZE = 32

Fidelity = Literal["exact", "rounded", "requantised"]
FloatType = Literal["float16", "bfloat16", "float32"]

FIDELITY: dict[str, Fidelity] = {
    "Q4_0": "exact",
    "Q4_1": "exact",
    "Q5_0": "exact",
    "Q5_1": "exact",
    "Q8_0": "exact",
    "Q4_K": "rounded",
    "Q5_K": "rounded",
    "Q6_K": "requantised",
}
"""What repacking does to the weights of each type, with scales in float16."""

BITS = {
    "Q4_0": 4,
    "Q4_1": 4,
    "Q5_0": 5,
    "Q5_1": 5,
    "Q8_0": 8,
    "Q4_K": 4,
    "Q5_K": 5,
    "Q6_K": 8,
}
"""Bits of a code once packed."""

FATES: dict[Fidelity, str] = {
    "exact": "repacked exactly",
    "rounded": "repacked, scales rounded to float16",
    "requantised": "requantised to 8 bits",
}
"""What is said of it."""

SUPPORTED_TENSOR_TYPES = ("F32", "F16", "BF16", *BITS)

FLOAT_BYTES: dict[FloatType, int] = {"float16": 2, "bfloat16": 2, "float32": 4}


def activation_type(matrix_types: Iterable[str]) -> FloatType:
    """Return the type to compute in, which is that of the scales or of the matrices.

    GGUF's scales are float16, so quantised files compute in it; a bfloat16 scale would
    lose three bits. mlx-lm's gemma3, whose activations leave float16, is ready for it.

    Args:
        matrix_types: of the tensors of two dimensions.
    """
    types = set(matrix_types)
    if types & {"F16", *BITS}:
        return "float16"
    return "bfloat16" if "BF16" in types else "float32"


def is_packed(ggml_type: str, shape: tuple[int, ...]) -> bool:
    """Say whether a tensor is repacked on a GPU."""
    return ggml_type in BITS and len(shape) == 2


def packed_bytes(ggml_type: str, shape: tuple[int, ...], activation: FloatType) -> int:
    """Return what a tensor takes on a GPU.

    A matrix whose scales leave float16's range takes two bytes more a scale and bias;
    that is not known without reading it.
    """
    num_weights = prod(shape)
    if not is_packed(ggml_type, shape):
        return num_weights * FLOAT_BYTES[activation]
    scales_and_biases = num_weights // GROUP_SIZE * 2 * FLOAT_BYTES["float16"]
    return num_weights * BITS[ggml_type] // 8 + scales_and_biases
