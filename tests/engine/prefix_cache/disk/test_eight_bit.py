"""Rounding to 8 bits is within half a step of each token's own scale."""

import mlx.core as mx
import numpy as np
import pytest

from pensieve.engine.prefix_cache.disk.eight_bit import packed, unpack
from pensieve.engine.prefix_cache.disk.jobs import bytes_of

ROUNDING = {"float32": 1e-6, "float16": 2**-11, "bfloat16": 2**-8}
"""Of the type itself, relative to a token's largest value."""


def round_trip(array, dtype) -> np.ndarray:
    source = array.astype(getattr(mx, dtype))
    target = mx.zeros_like(source)
    mx.eval(source, target)
    width = source.shape[-1]
    scales, numbers = packed(bytes_of(source), width, dtype)
    stored = memoryview(scales.tobytes() + numbers.tobytes())
    unpack(stored, bytes_of(target), width, dtype)
    return np.array(source.astype(mx.float32)), np.array(target.astype(mx.float32))


@pytest.mark.parametrize("dtype", ROUNDING)
def test_a_value_is_off_by_at_most_half_a_step(dtype):
    rng = np.random.default_rng(3)
    tokens = rng.normal(size=(200, 64)) * 10.0 ** rng.integers(-3, 4, (200, 1))

    source, target = round_trip(mx.array(tokens.astype(np.float32)), dtype)

    largest = np.abs(source).max(axis=1, keepdims=True)
    bound = largest * (1 / 254 + ROUNDING[dtype])
    assert (np.abs(source - target) <= bound).all()
    assert np.abs(source - target).max() > 0


def test_zeros_stay_zeros_and_what_is_not_finite_does_no_harm():
    tokens = mx.array([[0.0] * 4, [float("nan"), float("inf"), 1.0, -1.0]])

    _, target = round_trip(tokens, "float32")

    assert target.tolist() == [[0] * 4, [0, 0, 1, -1]]
