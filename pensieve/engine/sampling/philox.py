"""Philox-4x32-10 in MLX operations: a counter and a seed in, four random words out.

There is no state: the same counter and seed give the same words in any order, in any
batch and on every backend. Source: Salmon, Moraes, Dror and Shaw, "Parallel random
numbers: as easy as 1, 2, 3" (SC 2011), section 3.3.
"""

import mlx.core as mx

ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF

Words = tuple[mx.array, mx.array, mx.array, mx.array]


def seed_words(seed: int) -> tuple[int, int]:
    """Return the low and the high 32 bits of a seed in [0, 2**64)."""
    return seed & _WORD, seed >> 32


def philox_4x32(counter: Words, seed: int) -> Words:
    """Return four uint32 words for each counter.

    Args:
        counter: four uint32 arrays of one shape, the least significant word first.
        seed: the key, [0, 2**64).
    """
    c0, c1, c2, c3 = counter
    k0, k1 = seed_words(seed)
    for _ in range(ROUNDS):
        high0, low0 = _product(c0, _MULTIPLIERS[0])
        high1, low1 = _product(c2, _MULTIPLIERS[1])
        c0, c1 = high1 ^ c1 ^ mx.array(k0, mx.uint32), low1
        c2, c3 = high0 ^ c3 ^ mx.array(k1, mx.uint32), low0
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return c0, c1, c2, c3


def _product(word: mx.array, multiplier: int) -> tuple[mx.array, mx.array]:
    """Return the high and the low 32 bits of the 64-bit product."""
    product = word.astype(mx.uint64) * mx.array(multiplier, mx.uint64)
    return (product >> 32).astype(mx.uint32), product.astype(mx.uint32)
