"""Keys and values as whole numbers of 8 bits, for files a quarter to half as large.

Each token of each head has a scale of its own: its largest magnitude is 127. So a value
is off by at most half of its token's scale, 1/254 of the largest magnitude beside it,
and by what the array's own type rounds. What is restored is then near what a cold
prefill computes, not equal to it: nobody gets this unasked.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def packed(values: memoryview, width: int, dtype: str) -> tuple[Bytes, Bytes]:
    """Return scales and numbers of some tokens.

    Args:
        values: the bytes of [num_tokens, width].
        dtype: of them: "float32", "float16" or "bfloat16".

    Returns:
        Bytes of [num_tokens] float32, and of [num_tokens, width] int8.
    """
    floats = _as_float32(values, dtype).reshape(-1, width)
    finite = np.nan_to_num(floats, posinf=0, neginf=0)
    scales = np.abs(finite).max(axis=1) / 127
    divisors = np.where(scales > 0, scales, 1)[:, None]
    numbers = np.clip(np.rint(finite / divisors), -127, 127).astype(np.int8)
    return scales.astype("<f4").view(np.uint8), numbers.reshape(-1).view(np.uint8)


def unpack(stored: memoryview, values: memoryview, width: int, dtype: str) -> None:
    """Write the values of some tokens.

    Args:
        stored: scales, then numbers.
        values: the bytes of [num_tokens, width], written to.
    """
    num_tokens = len(stored) // (width + 4)
    scales = np.frombuffer(stored[: 4 * num_tokens], "<f4")
    numbers = np.frombuffer(stored[4 * num_tokens :], np.int8)
    floats = numbers.reshape(num_tokens, width) * scales[:, None]
    if dtype == "bfloat16":
        target = np.frombuffer(values, np.uint16)
        target[:] = _as_bfloat16(floats.astype(np.float32).reshape(-1))
    else:
        target = np.frombuffer(values, dtype)
        target[:] = floats.reshape(-1)


def _as_float32(values: memoryview, dtype: str) -> NDArray[np.float32]:
    if dtype == "bfloat16":
        halves = np.frombuffer(values, np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32)
    return np.frombuffer(values, dtype).astype(np.float32)


def _as_bfloat16(floats: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the upper halves, rounded to the nearest, ties to even."""
    bits = floats.view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16)
