"""A GGUF tensor's bytes in, float32 weights out, equal to gguf-py's to the last bit.

This is the form that a CPU multiplies fastest, and the reference of the packed one. The
operations and their order are ggml's, so that even the roundings are the same.
"""

import numpy as np

from pensieve.engine.weights.blocks import (
    Blocks,
    Floats,
    as_blocks,
    unpack,
    weights_per_block,
)

CHUNK_WEIGHTS = 1 << 17
"""PERF: weights at a time; 512 KiB of float32, so that all passes hit the cache."""


def dequantise(ggml_type: str, raw: memoryview | bytes, out: Floats) -> None:
    """Write all weights of a tensor to `out`.

    Infinities and NaNs come out as the file has them.

    Args:
        ggml_type: "F32", "F16", "BF16" or a key of `blocks.BLOCKS`.
        raw: the tensor's bytes.
        out: any shape of as many weights, C-contiguous; overwritten.

    Raises:
        ValueError: the bytes are not as many weights.
    """
    weights = out.reshape(-1)  # a view
    if ggml_type == "F32":
        weights[:] = np.frombuffer(raw, np.float32)
    elif ggml_type == "F16":
        weights[:] = np.frombuffer(raw, np.float16)
    elif ggml_type == "BF16":
        # A bfloat16 is the upper half of a float32.
        bits = weights.view(np.uint32)
        bits[:] = np.frombuffer(raw, np.uint16)
        bits <<= 16
    else:
        block_size = weights_per_block(ggml_type)
        blocks = as_blocks(ggml_type, raw)
        _dequantise_blocks(ggml_type, blocks, weights.reshape(-1, block_size))


def _dequantise_blocks(quantised_type: str, blocks: Blocks, weights: Floats) -> None:
    """Fill `weights` [num_blocks, block_size]."""
    if len(blocks) != len(weights):
        raise ValueError(f"expected {len(weights)} blocks, got {len(blocks)}")
    step = CHUNK_WEIGHTS // weights.shape[1]
    with np.errstate(invalid="ignore"):  # infinity times zero, if the file says so
        for start in range(0, len(blocks), step):
            groups = unpack(quantised_type, blocks[start : start + step])
            chunk = weights[start : start + step].reshape(groups.codes.shape)
            chunk[:] = groups.codes
            if groups.minimums is None:
                chunk -= groups.offset
                chunk *= groups.scales[:, None]
            else:
                chunk *= groups.scales[:, None]
                chunk += groups.minimums[:, None]
