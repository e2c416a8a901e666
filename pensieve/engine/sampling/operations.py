"""Draws in MLX operations: the specification of every other sampler.

For each row in this order, in float32: bias; penalties for what is there already; the
mask; temperature; then filters in Hugging Face's order, top-k, top-p on what top-k
leaves, min-p. A filter keeps the most likely tokens, of equal logits the lowest ids. Of
the tokens that all keep, the one whose logit + Gumbel noise is the largest is drawn: an
exact draw from the renormalised probabilities. Sources: Gumbel, "Statistical theory of
extreme values" (1954); repetition: Keskar et al., "CTRL" (2019), section 4.1, as in
Hugging Face's; presence and frequency as in OpenAI's API.

`mx.random` is not used: its state would make one draw depend on others.
"""

import math
from collections.abc import Sequence

import mlx.core as mx

from pensieve.engine.sampling.gumbel import token_noise, vocabulary_noise
from pensieve.engine.sampling.parameters import inverse_temperature, is_greedy
from pensieve.engine.sampling.sampler import (
    NO_ERROR,
    NOT_A_NUMBER,
    NOTHING,
    Drawn,
)
from pensieve.engine.sampling.sequence import ANSWERED, History, SequenceDraws
from pensieve.engine.token_bits import Bits, unpacked
from pensieve.link.messages import SamplingParams

SUM_BLOCK = 32
"""Weights that are summed one after the other."""


def draw_by_operations(
    logits: mx.array,
    sequences: Sequence[SequenceDraws],
    masks: Sequence[Bits | None],
) -> Drawn:
    """Draw row by row: a Sampler."""
    rows = [
        _draw(row, sequence, mask)
        for row, sequence, mask in zip(logits, sequences, masks, strict=True)
    ]
    return Drawn(*(mx.stack([*each]) for each in zip(*rows, strict=True)))


def _draw(logits: mx.array, sequence: SequenceDraws, mask: Bits | None) -> Drawn:
    """Draw one row's token: scalars."""
    params = sequence.params
    logits = logits.astype(mx.float32)
    if sequence.bias is not None:
        logits = logits + mx.array(sequence.bias)
    if sequence.history is not None:
        logits = penalised(logits, mx.array(sequence.history), params)
    if mask is not None:
        logits = mx.where(mx.array(unpacked(mask, logits.size)), logits, -mx.inf)
    largest = mx.max(logits)
    gaps = _gaps(logits, largest, params)
    if is_greedy(params):
        token = mx.argmax(logits)  # the first of equals, which has the lowest id
    else:
        token = winner(logits, gaps, params, sequence.position)
    error = mx.where(
        mx.any(mx.isnan(logits)),
        NOT_A_NUMBER,
        mx.where(largest == -mx.inf, NOTHING, NO_ERROR),
    ).astype(mx.uint32)
    token = mx.where(error == NO_ERROR, token, 0).astype(mx.uint32)
    log_prob = -gaps[token] - mx.log(cumulated(mx.exp(-gaps))[-1])
    log_prob = mx.where(error == NO_ERROR, log_prob, mx.nan)
    move_on(sequence, token)
    return Drawn(token, error, log_prob)


def move_on(sequence: SequenceDraws, token: mx.array) -> None:
    """Let a sequence be past its token, a scalar that need not be computed yet."""
    sequence.position += 1
    if sequence.history is not None:
        sequence.history = counted(sequence.history, token)


def _gaps(logits: mx.array, largest: mx.array, params: SamplingParams) -> mx.array:
    """Return how far each logit is below the largest, tempered, [vocab_size] >= 0."""
    gaps = (largest - logits) * inverse_temperature(params)
    return mx.where(logits == largest, 0.0, gaps)  # infinite ones are as equal


def winner(
    logits: mx.array, gaps: mx.array, params: SamplingParams, position: int
) -> mx.array:
    """Return the token that is drawn of those that the filters keep, a scalar.

    Args:
        logits: [vocab_size] float32.
        gaps: [vocab_size] float32.
    """
    token_ids = None
    if 0 < params.top_k < logits.size:
        token_ids = most_likely(logits, params.top_k)  # [top_k]
        logits, gaps = logits[token_ids], gaps[token_ids]
        keys = token_noise(token_ids, params.seed, position) - gaps
    else:
        keys = vocabulary_noise(logits.size)(params.seed, position) - gaps
    if params.top_p < 1:
        keys = mx.where(nucleus(logits, gaps, params.top_p), keys, -mx.inf)
    if params.min_p > 0:
        keys = mx.where(gaps <= -math.log(params.min_p), keys, -mx.inf)
    best = mx.argmax(keys)  # the first of equals, which has the lowest id
    return best if token_ids is None else token_ids[best]


def most_likely(logits: mx.array, top_k: int) -> mx.array:
    """Return the ids of the `top_k` most likely tokens, ascending, [top_k] uint32.

    Args:
        logits: [vocab_size] float32.
    """
    ranked = mx.partition(_order(logits), top_k - 1)[:top_k]
    return mx.sort(ranked.astype(mx.uint32))


def nucleus(logits: mx.array, gaps: mx.array, top_p: float) -> mx.array:
    """Return which tokens top-p keeps, [num_tokens] bool.

    Args:
        logits: [num_tokens] float32, in the order of the tokens' ids.
        gaps: [num_tokens] float32 >= 0.
        top_p: mass to reach, (0, 1); the token that reaches it is kept.
    """
    order = _order(logits)
    ranked = mx.sort(order)
    weights = mx.exp(-gaps[ranked.astype(mx.uint32)])
    mass = cumulated(weights)
    num_kept = mx.sum(mass - weights < top_p * mass[-1])
    return order <= ranked[mx.maximum(num_kept, 1) - 1]


def _order(logits: mx.array) -> mx.array:
    """Return uint64 keys, all different: smaller means likelier, equals rank by place.

    The bits of floats order as the floats do, once those of negative ones are turned
    around; they are the high words. The low words are the places.
    """
    bits = (logits + 0.0).view(mx.uint32)  # no negative zero
    is_negative = (bits >> 31).astype(mx.bool_)
    descending = mx.where(is_negative, bits, bits ^ 0x7FFFFFFF)
    places = mx.arange(logits.size, dtype=mx.uint64)
    return (descending.astype(mx.uint64) << 32) | places


def cumulated(weights: mx.array) -> mx.array:
    """Return the sums of a vocabulary's weights up to each one, [num_tokens].

    By blocks, and their sums likewise: one after the other in float32 would lose five
    digits of seven.
    """
    if weights.size <= SUM_BLOCK:
        return mx.cumsum(weights)
    num_blocks = -(-weights.size // SUM_BLOCK)
    padded = mx.pad(weights, (0, num_blocks * SUM_BLOCK - weights.size))
    within = mx.cumsum(padded.reshape(num_blocks, SUM_BLOCK), axis=1)
    totals = within[:, -1]
    before = cumulated(totals) - totals
    return (before[:, None] + within).reshape(-1)[: weights.size]


def penalised(logits: mx.array, history: mx.array, params: SamplingParams) -> mx.array:
    """Return the logits lowered for what is there, [vocab_size] float32.

    Repetition: divided by the penalty, or multiplied with it if negative, for tokens of
    prompt and answer. Frequency and presence: less that, for each time that a token is
    in the answer, and once.
    """
    penalty = params.repetition_penalty
    if penalty != 1:
        # Not divided: not every backend rounds a quotient alike.
        lowered = mx.where(logits > 0, logits * (1 / penalty), logits * penalty)
        logits = mx.where(history > 0, lowered, logits)
    count = (history // ANSWERED).astype(mx.float32)
    if params.frequency_penalty:
        logits = logits - params.frequency_penalty * count
    if params.presence_penalty:
        logits = logits - params.presence_penalty * (count > 0)
    return logits


def counted(history: History, token: mx.array) -> mx.array:
    """Return a history with one token more, which need not be computed yet."""
    history = mx.array(history)
    more = history[token] + ANSWERED
    return mx.put_along_axis(history, token[None], more[None], axis=0)
