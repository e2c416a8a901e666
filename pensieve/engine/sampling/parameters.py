"""What a batch's draws depend on beside the logits, as two arrays.

Every backend reads them: C++ on CPU, the kernels on a GPU. All that would need a
division or a logarithm is made here, once, so that no backend rounds it differently.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pensieve.engine.sampling.philox import seed_words
from pensieve.link.messages import SamplingParams

MIN_TEMPERATURE = 1e-5
"""Below it the most likely token is taken: quotients would leave float32's range."""
NUM_PARAMS = 8
"""Columns of Reals and of Words."""
NONE = 0xFFFFFFFF
"""In place of an index: a row has no such array."""

Reals = NDArray[np.float32]
"""[batch_size, NUM_PARAMS]: inverse temperature (1 where the row is greedy), top_p, the
largest gap that min-p keeps, repetition penalty, its inverse, presence penalty,
frequency penalty, 0."""
Words = NDArray[np.uint32]
"""[batch_size, NUM_PARAMS]: top_k (0: all), seed's low and high word, position, whether
the row is greedy, and its index among the histories, biases and masks."""


class Indices(NamedTuple):
    """Where a row's own arrays are, NONE where it has none."""

    history: int = NONE
    bias: int = NONE
    mask: int = NONE


def is_greedy(params: SamplingParams) -> bool:
    """Return whether the most likely token is taken."""
    return params.temperature < MIN_TEMPERATURE


def inverse_temperature(params: SamplingParams) -> float:
    """Return what gaps between logits are multiplied with, above 0 in float32 too."""
    return 1.0 if is_greedy(params) else max(1 / params.temperature, 1e-30)


def reals_of(params: SamplingParams) -> list[float]:
    """Return a row of Reals."""
    return [
        inverse_temperature(params),
        params.top_p,
        -math.log(params.min_p) if params.min_p > 0 else math.inf,
        params.repetition_penalty,
        1 / params.repetition_penalty,
        params.presence_penalty,
        params.frequency_penalty,
        0.0,
    ]


def words_of(params: SamplingParams, position: int, indices: Indices) -> list[int]:
    """Return a row of Words.

    Args:
        position: of the token in its sequence.
    """
    top_k = min(params.top_k, NONE)
    return [top_k, *seed_words(params.seed), position, is_greedy(params), *indices]


def packed(
    params: Sequence[SamplingParams],
    positions: Sequence[int],
    indices: Sequence[Indices],
) -> tuple[Reals, Words]:
    """Return those of a batch."""
    reals = np.array([*map(reals_of, params)], np.float32)
    words = [*map(words_of, params, positions, indices)]
    return reals, np.array(words, np.uint32)


def joined(reals: Reals, words: Words) -> Words:
    """Return both as one array, [batch_size, 2 * NUM_PARAMS]; of reals the bits."""
    return np.concatenate([reals.view(np.uint32), words], axis=1)
