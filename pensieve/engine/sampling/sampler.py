"""The next token of a sequence, a pure function of logits, seed and position.

Penalties first, then filters in Hugging Face's order: temperature, top-k, top-p on what
top-k leaves, min-p. Each filter keeps the most likely tokens, of equals the lowest ids.
Of those that all keep, the one whose logit + Gumbel noise is the largest is drawn: an
exact draw from renormalised probabilities. These MLX operations are the specification
of any kernel. `mx.random` is not used: its state would make one draw depend on others.
"""

import math
from collections.abc import Callable

import mlx.core as mx

from pensieve.engine.sampling.gumbel import VocabularyNoise, token_noise
from pensieve.engine.sampling.penalties import Penalties
from pensieve.link.messages import SamplingParams

MIN_TEMPERATURE = 1e-5
"""Below it the most likely token is taken: quotients would leave float32's range."""

BatchSampler = Callable[[mx.array], mx.array]
"""Logits [batch_size, vocab_size] → ids [batch_size] uint32."""


def greedy(logits: mx.array) -> mx.array:
    """Return the most likely token of each row; ties go to the lowest id."""
    return mx.argmax(logits, axis=-1)


class SequenceSampler:
    """Draws one sequence's tokens, one call a step: a BatchSampler of batch size 1.

    Args:
        position: index in the whole sequence of the first token that will be drawn.
        noise: of the vocabulary that the logits have.
        penalties: of the sequence, counted on; None: it has none.
    """

    def __init__(
        self,
        params: SamplingParams,
        position: int,
        noise: VocabularyNoise,
        penalties: Penalties | None = None,
    ) -> None:
        self._params = params
        self._position = position
        self._noise = noise
        self._penalties = penalties

    def __call__(self, logits: mx.array) -> mx.array:
        """Return the next token of [1, vocab_size] logits, [1] uint32."""
        row = logits[0]
        if self._penalties:
            row = self._penalties(row)
        if self._params.temperature < MIN_TEMPERATURE:
            token_id = greedy(row)
        else:
            token_id = draw(row, self._params, self._position, self._noise)
        self._position += 1
        if self._penalties:
            self._penalties.count(token_id)
        return token_id[None]


def sampler_for(
    params: SamplingParams,
    position: int,
    noise: VocabularyNoise,
    penalties: Penalties | None = None,
) -> BatchSampler:
    """Return how a sequence's tokens are drawn.

    All greedy sequences without penalties get the same object, and are sampled in one
    call.
    """
    if params.temperature < MIN_TEMPERATURE and penalties is None:
        return greedy
    return SequenceSampler(params, position, noise, penalties)


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
    token_ids = None
    if 0 < params.top_k < gaps.size:
        token_ids = most_likely(gaps, params.top_k)  # [top_k]
        gaps = gaps[token_ids]
        keys = token_noise(token_ids, params.seed, position) - gaps
    else:
        keys = noise(params.seed, position) - gaps
    if params.top_p < 1:
        keys = mx.where(nucleus(gaps, params.top_p), keys, -mx.inf)
    if params.min_p > 0:
        keys = mx.where(gaps <= -math.log(params.min_p), keys, -mx.inf)
    winner = mx.argmax(keys)  # the first of equals, which has the lowest id
    return winner if token_ids is None else token_ids[winner]


def most_likely(gaps: mx.array, top_k: int) -> mx.array:
    """Return the ids of the `top_k` most likely tokens, ascending, [top_k] uint32.

    Args:
        gaps: [vocab_size] float32 >= 0, how far each logit is below the largest.
    """
    ranked = mx.partition(_order(gaps), top_k - 1)[:top_k]
    return mx.sort(ranked.astype(mx.uint32))


def nucleus(gaps: mx.array, top_p: float) -> mx.array:
    """Return which tokens top-p keeps, [num_tokens] bool.

    Args:
        gaps: [num_tokens] float32 >= 0, in the order of the tokens' ids.
        top_p: mass to reach, (0, 1); the token that reaches it is kept.
    """
    order = _order(gaps)
    ranked = mx.sort(order)
    weights = mx.exp(-(ranked >> 32).astype(mx.uint32).view(mx.float32))
    mass = mx.cumsum(weights)
    num_kept = mx.sum(mass - weights < top_p * mass[-1])
    return order <= ranked[num_kept - 1]


def _order(gaps: mx.array) -> mx.array:
    """Return uint64 keys, all different: smaller means likelier, equals rank by place.

    The bits of floats >= 0 order as the floats do, so they are the high words. The low
    words are the places.
    """
    places = mx.arange(gaps.size, dtype=mx.uint64)
    return (gaps.view(mx.uint32).astype(mx.uint64) << 32) | places
