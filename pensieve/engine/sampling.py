"""The next token of a sequence, a pure function of logits, seed and position.

Filters in Hugging Face's order: temperature, top-k, top-p on what top-k leaves, min-p.
Each keeps a head of the vocabulary ordered by likelihood, the lowest id first among
equals; of the kept tokens the largest logit + Gumbel noise is drawn, which is an exact
draw from their renormalised probabilities. These MLX operations are the specification
of any kernel. `mx.random` is not used: its state would make a draw depend on others.
"""

import math
from collections.abc import Callable

import mlx.core as mx

from pensieve.engine.gumbel import VocabularyNoise, token_noise
from pensieve.link.messages import SamplingParams

MIN_TEMPERATURE = 1e-5
"""Below it the most likely token is taken: quotients would leave float32's range."""

BatchSampler = Callable[[mx.array], mx.array]
"""Log-probabilities [batch_size, vocab_size] → ids [batch_size] uint32, for mlx-lm."""


def greedy(logprobs: mx.array) -> mx.array:
    """Return the most likely token of each row; ties go to the lowest id."""
    return mx.argmax(logprobs, axis=-1)


class SequenceSampler:
    """Draws one sequence's tokens, one call a step: a BatchSampler of batch size 1.

    Args:
        params: `temperature` at least MIN_TEMPERATURE.
        position: index in the whole sequence of the first token that will be drawn.
        noise: of the vocabulary that the logits have.
    """

    def __init__(
        self, params: SamplingParams, position: int, noise: VocabularyNoise
    ) -> None:
        self._params = params
        self._position = position
        self._noise = noise

    def __call__(self, logprobs: mx.array) -> mx.array:
        """Return the next token of [1, vocab_size] logits, [1] uint32."""
        token_id = draw(logprobs[0], self._params, self._position, self._noise)
        self._position += 1
        return token_id[None]


def sampler_for(
    params: SamplingParams, position: int, noise: VocabularyNoise
) -> BatchSampler:
    """Return how a sequence's tokens are drawn.

    All greedy sequences get the same object: mlx-lm then samples them in one call.
    """
    if params.temperature < MIN_TEMPERATURE:
        return greedy
    return SequenceSampler(params, position, noise)


def draw(
    logits: mx.array, params: SamplingParams, position: int, noise: VocabularyNoise
) -> mx.array:
    """Return one token id, a uint32 scalar. Logits that are NaN give some valid id.

    Args:
        logits: [vocab_size]; a constant added to all of them changes nothing.
        params: `temperature` at least MIN_TEMPERATURE.
    """
    logits = logits.astype(mx.float32)
    gaps = (mx.max(logits) - logits) / params.temperature  # [vocab_size], >= 0
    vocab_size = gaps.size
    if not (params.top_k or params.top_p < 1 or params.min_p):
        return mx.argmax(noise(params.seed, position) - gaps)

    token_ids = by_likelihood(gaps, params.top_k)  # [num_candidates]
    gaps = gaps[token_ids]
    if token_ids.size < vocab_size:
        candidates_noise = token_noise(token_ids, params.seed, position)
    else:
        candidates_noise = noise(params.seed, position)[token_ids]
    kept = _kept(gaps, params.top_p, params.min_p)
    keys = mx.where(kept, candidates_noise - gaps, -mx.inf)
    winners = mx.where(keys == mx.max(keys), token_ids, vocab_size - 1)
    return mx.min(winners).astype(mx.uint32)


def by_likelihood(gaps: mx.array, top_k: int) -> mx.array:
    """Return token ids, the most likely first and equals by id, uint32.

    Args:
        gaps: [vocab_size] float32 >= 0, how far each logit is below the largest.
        top_k: how many to return; 0 for all.
    """
    # The bits of floats >= 0 order as the floats do; below them, ids break the ties.
    ids = mx.arange(gaps.size, dtype=mx.uint64)
    order = (gaps.view(mx.uint32).astype(mx.uint64) << 32) | ids
    if 0 < top_k < gaps.size:
        order = mx.partition(order, top_k - 1)[:top_k]
    return mx.sort(order).astype(mx.uint32)


def _kept(gaps: mx.array, top_p: float, min_p: float) -> mx.array:
    """Return which candidates top-p and min-p keep.

    Args:
        gaps: [num_candidates], ascending.
        top_p: mass to reach, (0, 1]; the token that reaches it is kept.
        min_p: likelihood relative to the first candidate's, [0, 1).
    """
    kept = mx.ones(gaps.shape, dtype=mx.bool_)
    if top_p < 1:
        weights = mx.exp(-gaps)
        mass = mx.cumsum(weights)
        kept = mass - weights < top_p * mass[-1]
    if min_p:
        kept = kept & (gaps <= -math.log(min_p))
    return kept
