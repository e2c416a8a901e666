"""Philox-4x32-10 in Python integers, and the noise made of it in float64."""

import math

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
WORD = 0xFFFFFFFF


def philox_4x32_10(counter, key: tuple[int, int]):
    """Return four words; a counter's words may be arrays of uint64, then these are."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> 32) ^ c1 ^ k0,
            product1 & WORD,
            (product0 >> 32) ^ c3 ^ k1,
            product0 & WORD,
        )
        k0, k1 = (k0 + WEYL[0]) & WORD, (k1 + WEYL[1]) & WORD
    return c0, c1, c2, c3


def gumbel_noise(seed: int, position: int, token_id: int) -> float:
    counter = (token_id // 4, position, 0, 0)
    word = philox_4x32_10(counter, (seed & WORD, seed >> 32))[token_id % 4]
    # The uniform variate itself is a float32 by definition.
    uniform = float((np.float32(word) + np.float32(0.5)) * np.float32(2.0**-32))
    return -math.log(-math.log1p(-min(uniform, 1 - 2.0**-24)))


def vocabulary_words(seed: int, position: int, vocab_size: int) -> np.ndarray:
    """Return each token's word, [vocab_size] uint32."""
    blocks = np.arange((vocab_size + 3) // 4, dtype=np.uint64)
    words = philox_4x32_10((blocks, position, 0, 0), (seed & WORD, seed >> 32))
    return np.stack(words, axis=-1).astype(np.uint32).reshape(-1)[:vocab_size]


def vocabulary_noise(seed: int, position: int, vocab_size: int) -> np.ndarray:
    """Return `gumbel_noise` of each token, [vocab_size] float64."""
    words = vocabulary_words(seed, position, vocab_size)
    uniform = (words.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    return -np.log(-np.log1p(-np.minimum(uniform.astype(np.float64), 1 - 2.0**-24)))
