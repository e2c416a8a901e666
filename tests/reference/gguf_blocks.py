"""Generated blocks of every quantised GGUF type, ordinary and with extreme scales."""

import math

import gguf
import numpy as np

QUANTISED = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]

FLOAT16_FIELDS = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
"""Where in a block its float16 numbers are, in bytes."""

_SUBNORMAL = 2.0**-24
FINITE_EXTREMES = np.array(
    (
        *(0.0, -0.0, _SUBNORMAL, -_SUBNORMAL, 2.0**-14 - _SUBNORMAL, 2.0**-14),
        *(1.0, -1.0, 511.75, 512.0, -512.0, 4095.0, 8190.0, 65504.0, -65504.0),
    ),
    np.float16,
)
"""Zeros, the smallest subnormal, both sides of the normal range, where 8, 16 and 128
times it leave float16, and the largest numbers."""

NON_FINITE = np.array([np.inf, -np.inf, np.nan], np.float16)


def random_blocks(ggml_type: str, num_blocks: int, scales, seed: int = 0) -> bytes:
    """Return blocks of random codes whose float16 numbers are drawn from `scales`."""
    rng = np.random.default_rng(seed)
    block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[ggml_type]][1]
    blocks = rng.integers(0, 256, (num_blocks, block_bytes), dtype=np.uint8)
    for offset in FLOAT16_FIELDS[ggml_type]:
        drawn = rng.choice(np.asarray(scales, np.float16), num_blocks)
        blocks[:, offset : offset + 2] = drawn.view(np.uint8).reshape(-1, 2)
    # Codes at both ends of their range, whatever was drawn.
    edges = [at for at in range(block_bytes) if not _is_float(ggml_type, at)]
    blocks[0, edges] = 0
    blocks[-1, edges] = 255
    return blocks.tobytes()


def ordinary_scales(size: int = 512, seed: int = 1) -> np.ndarray:
    """Return scales such as trained weights have: log-uniform, 2^-14 to 2^-4."""
    rng = np.random.default_rng(seed)
    return (2.0 ** rng.uniform(-14, -4, size) * rng.choice([-1, 1], size)).astype(
        np.float16
    )


def dequantised_by_gguf(ggml_type: str, raw) -> np.ndarray:
    """Return gguf-py's float32 weights, flat."""
    quantization = gguf.GGMLQuantizationType[ggml_type]
    block_bytes = gguf.GGML_QUANT_SIZES[quantization][1]
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, block_bytes)
    # gguf-py goes through 16 rows at a time: few long ones are much faster.
    rows = blocks.reshape(math.gcd(len(blocks), 1024), -1)
    with np.errstate(invalid="ignore", over="ignore"):
        return gguf.quants.dequantize(rows, quantization).reshape(-1)


def _is_float(ggml_type: str, at: int) -> bool:
    return any(start <= at < start + 2 for start in FLOAT16_FIELDS[ggml_type])
