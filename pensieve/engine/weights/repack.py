"""GGUF's quantised blocks in, MLX's affine groups of 32 out: the form for a GPU.

MLX holds weight = scale * code + bias, the codes of a row as one stream of bits, least
significant first, in uint32. Scales and biases are float16 where that is enough: a
product of float16 activations with float32 scales is float32, and so is everything
computed from it.

What becomes of each type, for finite scales and in float32, in which MLX's kernels
compute:

* Q4_0, Q5_0, Q8_0, Q4_1, Q5_1: exact. Scale and minimum are float16 in the file. The
  bias of the first three, -8, -16 or -128 times the scale, is exact too, unless it
  leaves float16's range; then the tensor's scales are float32.
* Q4_K, Q5_K: the codes are exact. Scale and bias are a float16 times a 6-bit integer;
  rounding one to float16 moves it by at most e(x) = max(2^-11 |x|, 2^-25), and so a
  weight by at most code * e(scale) + e(bias).
* Q6_K: MLX has no groups of 16, so pairs of them are requantised to 8 bits. A weight
  moves by half a step, and a step is the pair's range / 255, but for the rounding of
  scale and bias to float16 (2^-10 of each, outwards).

A row is always whole groups: ggml quantises only rows of whole blocks (32 or 256
weights), and the header reader holds the file to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pensieve.engine.weights.blocks import (
    Codes,
    Floats,
    Groups,
    as_blocks,
    unpack,
    weights_per_block,
)
from pensieve.models.tensor_forms import BITS, FIDELITY, GROUP_SIZE, Fidelity

CHUNK_WEIGHTS = 1 << 18
"""PERF: weights at a time, so that the intermediate bytes stay in the cache."""

MAX_FLOAT16 = 65504.0
MIN_NORMAL_FLOAT16 = 2.0**-14


@dataclass(frozen=True)
class Packed:
    """A matrix as MLX's quantised layers hold it."""

    weight: NDArray[np.uint32]
    """[rows, columns * bits / 32]."""
    scales: NDArray[np.float16] | Floats
    """[rows, columns / 32]."""
    biases: NDArray[np.float16] | Floats
    """[rows, columns / 32], of the scales' type."""
    bits: int
    fidelity: Fidelity
    """What became of the weights."""


def repack(
    quantised_type: str, raw: memoryview | bytes, shape: tuple[int, int]
) -> Packed:
    """Pack a matrix.

    A group with a scale that is infinite or NaN has no finite weight, before or after.

    Args:
        quantised_type: a key of `blocks.BLOCKS`.
        raw: the tensor's bytes.
        shape: rows and columns; columns are a multiple of the type's block size.

    Raises:
        ValueError: the bytes are not as many weights.
    """
    rows, columns = shape
    bits = BITS[quantised_type]
    blocks = as_blocks(quantised_type, raw)
    groups_per_block = weights_per_block(quantised_type) // GROUP_SIZE
    num_groups = rows * columns // GROUP_SIZE
    if len(blocks) * groups_per_block != num_groups:
        raise ValueError(
            f"expected {num_groups // groups_per_block} blocks, got {len(blocks)}"
        )

    packed = np.empty((num_groups, bits), np.uint32)  # 32 codes are `bits` words
    scales = np.empty(num_groups, np.float32)
    biases = np.empty(num_groups, np.float32)
    step = CHUNK_WEIGHTS // weights_per_block(quantised_type)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(blocks), step):
            groups = unpack(quantised_type, blocks[start : start + step])
            codes, scale, bias = _affine(groups)
            first = start * groups_per_block
            place = slice(first, first + len(codes))
            packed[place], scales[place], biases[place] = (
                _pack(codes, bits),
                scale,
                bias,
            )
        narrow = _fits_float16(scales) and _fits_float16(biases)
        fidelity = FIDELITY[quantised_type]
        return Packed(
            weight=packed.reshape(rows, columns * bits // 32),
            scales=_stored(scales, narrow).reshape(rows, -1),
            biases=_stored(biases, narrow).reshape(rows, -1),
            bits=bits,
            # Codes of K types are exact, and so are their scales as float32.
            fidelity="exact" if fidelity == "rounded" and not narrow else fidelity,
        )


def _affine(groups: Groups) -> tuple[Codes, Floats, Floats]:
    """Return codes [num_groups, 32], scales and biases of float32."""
    if groups.codes.shape[1] != GROUP_SIZE:
        return _requantise(groups)
    if groups.minimums is not None:
        return groups.codes, groups.scales, groups.minimums
    return groups.codes, groups.scales, -groups.offset * groups.scales


def _requantise(groups: Groups) -> tuple[Codes, Floats, Floats]:
    """Fit a line through the range of each pair of groups, in steps of 1/255 of it.

    The ends are rounded outwards to float16, so that no weight lies beyond them: the
    error is at most half a step everywhere.
    """
    weights = (groups.codes.astype(np.float32) - groups.offset) * groups.scales[:, None]
    weights = weights.reshape(-1, GROUP_SIZE)
    biases = _float16_below(weights.min(axis=1))
    scales = -_float16_below((biases - weights.max(axis=1)) / 255)
    steps = np.where(scales > 0, scales, 1)
    codes = np.rint((weights - biases[:, None]) / steps[:, None])
    return codes.clip(0, 255).astype(np.uint8), scales, biases


def _float16_below(values: Floats) -> Floats:
    """Round down to a float16 if there is one; the result is float32."""
    narrow = values.astype(np.float16)
    narrow = np.where(
        narrow > values, np.nextafter(narrow, -np.float16(np.inf)), narrow
    )
    widened = narrow.astype(np.float32)
    return np.where(np.isfinite(widened), widened, values)


def _stored(values: Floats, narrow: bool) -> NDArray[np.float16] | Floats:
    return values.astype(np.float16) if narrow else values


def _fits_float16(values: Floats) -> bool:
    """Whether float16 holds them, all exactly or the largest to its full precision.

    Small scales beside larger ones may go below the normal range, for their weights are
    small beside the others'; not so where all scales are that small.
    """
    narrow = values.astype(np.float16)
    if np.array_equal(narrow.astype(np.float32), values, equal_nan=True):
        return True
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return bool(MIN_NORMAL_FLOAT16 <= largest <= MAX_FLOAT16)


def _pack(codes: Codes, bits: int) -> NDArray[np.uint32]:
    """[n, 32] codes → [n, bits] words: a stream of bits, least significant first."""
    if bits == 8:
        return np.ascontiguousarray(codes).view(np.uint32)
    if bits == 4:
        return (codes[:, 0::2] | codes[:, 1::2] << 4).view(np.uint32)
    # Eight codes of 5 bits are five bytes.
    eights = codes.reshape(-1, 8).astype(np.uint64)
    streams = np.zeros(len(eights), np.uint64)
    for place in range(8):
        streams |= eights[:, place] << np.uint64(bits * place)
    octets = streams.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :bits]
    return octets.reshape(-1, 4 * bits).view(np.uint32)
