"""GGUF's quantised blocks taken apart: raw bytes in, codes and scales out.

A block holds 32 or 256 weights; inside it, groups of 32 (Q6_K: 16) share a scale. Every
type reads as

    weight = scale * (code - offset)        Q4_0, Q5_0, Q8_0, Q6_K
    weight = scale * code + minimum         Q4_1, Q5_1, Q4_K, Q5_K

Scales and minimums are exact in float32: a float16 of the file, or one times a 6- or
8-bit integer. Source: ggml's ggml-common.h (layouts), ggml-quants.c (order of codes).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_D = ("d", "<f2")
_M = ("m", "<f2")
_K_HEAD = [_D, _M, ("scales", "u1", 12)]

BLOCKS = {
    "Q4_0": np.dtype([_D, ("qs", "u1", 16)]),
    "Q4_1": np.dtype([_D, _M, ("qs", "u1", 16)]),
    "Q5_0": np.dtype([_D, ("qh", "u1", 4), ("qs", "u1", 16)]),
    "Q5_1": np.dtype([_D, _M, ("qh", "u1", 4), ("qs", "u1", 16)]),
    "Q8_0": np.dtype([_D, ("qs", "u1", 32)]),
    "Q4_K": np.dtype([*_K_HEAD, ("qs", "u1", 128)]),
    "Q5_K": np.dtype([*_K_HEAD, ("qh", "u1", 32), ("qs", "u1", 128)]),
    "Q6_K": np.dtype([("ql", "u1", 128), ("qh", "u1", 64), ("scales", "i1", 16), _D]),
}
"""One block of each quantised type, as bytes in the file."""

Blocks = NDArray[Any]
Codes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Groups:
    """Weights that share a scale, one group a row."""

    codes: Codes
    """[num_groups, group_size], unsigned, in the order of the weights."""
    scales: Floats
    """[num_groups]."""
    offset: int = 0
    """What is taken off a code before it is scaled."""
    minimums: Floats | None = None
    """[num_groups], what is added after; None where `offset` is used."""


def weights_per_block(quantised_type: str) -> int:
    """Return 32, or 256 for the K types."""
    return 256 if quantised_type.endswith("_K") else 32


def as_blocks(quantised_type: str, raw: memoryview | bytes) -> Blocks:
    """View a tensor's bytes as its blocks, without a copy.

    Raises:
        ValueError: not a whole number of blocks.
    """
    return np.frombuffer(raw, dtype=BLOCKS[quantised_type])


def unpack(quantised_type: str, blocks: Blocks) -> Groups:
    """Take blocks apart.

    Args:
        quantised_type: a key of BLOCKS.
        blocks: [num_blocks] of that dtype.
    """
    return _UNPACK[quantised_type](blocks)


def _q4_0(blocks: Blocks) -> Groups:
    return Groups(_nibbles(blocks["qs"]), _float(blocks["d"]), offset=8)


def _q4_1(blocks: Blocks) -> Groups:
    codes, scales = _nibbles(blocks["qs"]), _float(blocks["d"])
    return Groups(codes, scales, minimums=_float(blocks["m"]))


def _q5_0(blocks: Blocks) -> Groups:
    return Groups(_five_bits(blocks), _float(blocks["d"]), offset=16)


def _q5_1(blocks: Blocks) -> Groups:
    codes, scales = _five_bits(blocks), _float(blocks["d"])
    return Groups(codes, scales, minimums=_float(blocks["m"]))


def _q8_0(blocks: Blocks) -> Groups:
    # Flipping the sign bit of an int8 is adding 128 to it as an unsigned byte.
    return Groups(blocks["qs"] ^ np.uint8(128), _float(blocks["d"]), offset=128)


def _q4_k(blocks: Blocks) -> Groups:
    scales, minimums = _scales_and_minimums(blocks)
    return Groups(_k_nibbles(blocks["qs"]), scales, minimums=minimums)


def _q5_k(blocks: Blocks) -> Groups:
    scales, minimums = _scales_and_minimums(blocks)
    codes = _k_nibbles(blocks["qs"]).reshape(-1, 8, 32)
    # Bit g of byte i is the high bit of weight i of group g.
    for group in range(8):
        codes[:, group] |= ((blocks["qh"] >> group) & 1) << 4
    return Groups(codes.reshape(-1, 32), scales, minimums=minimums)


def _q6_k(blocks: Blocks) -> Groups:
    # Two halves of 128 weights, four runs of 32 in each: the low nibbles of 64 bytes,
    # then the high ones; bits 2r and 2r+1 of 32 bytes are the high bits of run r.
    low = blocks["ql"].reshape(-1, 2, 2, 32)
    high = blocks["qh"].reshape(-1, 2, 32)
    codes = np.empty((len(blocks), 2, 4, 32), np.uint8)
    codes[:, :, :2] = low & 15
    codes[:, :, 2:] = low >> 4
    for run in range(4):
        codes[:, :, run] |= ((high >> (2 * run)) & 3) << 4
    scales = _float(blocks["d"])[:, None] * blocks["scales"].astype(np.float32)
    return Groups(codes.reshape(-1, 16), scales.reshape(-1), offset=32)


_UNPACK: dict[str, Callable[[Blocks], Groups]] = {
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q8_0": _q8_0,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
}


def _float(halves: NDArray[Any]) -> Floats:
    return halves.astype(np.float32)


def _nibbles(qs: Codes) -> Codes:
    """[num_blocks, 16] bytes → [num_blocks, 32]: all low halves, then all high ones."""
    codes = np.empty((len(qs), 32), np.uint8)
    np.bitwise_and(qs, 15, out=codes[:, :16])
    np.right_shift(qs, 4, out=codes[:, 16:])
    return codes


def _five_bits(blocks: Blocks) -> Codes:
    codes = _nibbles(blocks["qs"])
    codes |= np.unpackbits(blocks["qh"], axis=-1, bitorder="little") << 4
    return codes


def _k_nibbles(qs: Codes) -> Codes:
    """[num_blocks, 128] bytes → [num_blocks * 8, 32]: 32 bytes are two groups."""
    return _nibbles_of_32(qs.reshape(-1, 32))


def _nibbles_of_32(qs: Codes) -> Codes:
    codes = np.empty((len(qs), 2, 32), np.uint8)
    np.bitwise_and(qs, 15, out=codes[:, 0])
    np.right_shift(qs, 4, out=codes[:, 1])
    return codes.reshape(-1, 32)


def _scales_and_minimums(blocks: Blocks) -> tuple[Floats, Floats]:
    """Return scale and minimum of each of a block's eight groups, [num_blocks * 8].

    Twelve bytes hold 8 + 8 integers of 6 bits: bytes 0-3 and 4-7 the low ones whole,
    their upper two bits and the nibbles of bytes 8-11 the high ones.
    """
    packed = blocks["scales"]
    low, mid, rest = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scale_codes = np.concatenate([low & 63, (rest & 15) | (low >> 6 << 4)], axis=1)
    minimum_codes = np.concatenate([mid & 63, (rest >> 4) | (mid >> 6 << 4)], axis=1)
    scales = _float(blocks["d"])[:, None] * scale_codes.astype(np.float32)
    minimums = -(_float(blocks["m"])[:, None] * minimum_codes.astype(np.float32))
    return scales.reshape(-1), minimums.reshape(-1)
