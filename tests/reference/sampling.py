"""Sampling by sorting the vocabulary, in float64: the slow twin of engine.sampling."""

import numpy as np
from reference.philox import gumbel_noise


def kept_tokens(logits, sampling) -> list[int]:
    """Return the ids that the filters leave, most likely first."""
    scaled = (np.asarray(logits, np.float64) - np.max(logits)) / sampling.temperature
    order = np.lexsort((np.arange(len(scaled)), -scaled))  # ties: the lowest id first
    if sampling.top_k:
        order = order[: sampling.top_k]
    weights = np.exp(scaled[order])
    mass_before = np.cumsum(weights) - weights
    inside = mass_before < sampling.top_p * weights.sum()
    if sampling.top_p >= 1:
        inside[:] = True
    if sampling.min_p:
        inside &= weights >= sampling.min_p
    return [int(token_id) for token_id in order[inside]]


def draw(logits, sampling, position: int) -> int:
    """Return the kept token with the largest logit + noise."""
    if sampling.temperature == 0:
        return int(np.argmax(logits))
    scaled = np.asarray(logits, np.float64) / sampling.temperature
    return max(
        sorted(kept_tokens(logits, sampling)),
        key=lambda token_id: (
            scaled[token_id] + gumbel_noise(sampling.seed, position, token_id)
        ),
    )
