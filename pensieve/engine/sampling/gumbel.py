"""Gumbel noise for every token of a vocabulary, a function of seed and position.

The largest of logit + noise is a draw from the softmax of the logits, so noise that
depends on (seed, position, token id) alone makes a draw depend on nothing else. One
Philox block serves four neighbouring tokens: its counter is (token id // 4, position).
"""

from collections.abc import Callable

import mlx.core as mx

from pensieve.engine.sampling.philox import philox_4x32

VocabularyNoise = Callable[[int, int], mx.array]
"""(seed, position) → [vocab_size] float32."""

_LARGEST_BELOW_ONE = 1 - 2.0**-24


def gumbel(words: mx.array) -> mx.array:
    """Return a Gumbel variate, float32 in (-2.82, 22.88), for each uint32 word.

    The winners of a race have a *small* exponential variate, so u is kept small there
    (-log1p(-u) is exact to rounding); -log(-log(u)) would have steps of 2**-24.
    """
    uniform = (words.astype(mx.float32) + 0.5) * 2.0**-32
    exponential = -mx.log1p(-mx.minimum(uniform, _LARGEST_BELOW_ONE))
    return -mx.log(exponential)


def vocabulary_noise(vocab_size: int) -> VocabularyNoise:
    """Return the noise of a whole vocabulary, in MLX operations."""
    blocks = mx.arange((vocab_size + 3) // 4, dtype=mx.uint32)

    def noise(seed: int, position: int) -> mx.array:
        words = _block_words(blocks, seed, position)
        return gumbel(words.reshape(-1)[:vocab_size])

    return noise


def token_noise(token_ids: mx.array, seed: int, position: int) -> mx.array:
    """Return the same noise for some tokens only, [num_tokens] float32.

    Args:
        token_ids: [num_tokens] uint32.
    """
    words = _block_words(token_ids >> 2, seed, position)
    return gumbel(mx.take_along_axis(words, (token_ids & 3)[:, None], axis=-1)[:, 0])


def _block_words(blocks: mx.array, seed: int, position: int) -> mx.array:
    """Return the words of each block, [num_blocks, 4] uint32."""
    zero = mx.zeros_like(blocks)
    words = philox_4x32((blocks, zero + position, zero, zero), seed)
    return mx.stack(list(words), axis=-1)
