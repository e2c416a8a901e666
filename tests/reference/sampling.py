"""Sampling by sorting the vocabulary, in float64: the slow twin of every backend.

What is a float32 by definition is one here, too: logits with biases and penalties, each
operation rounded by itself (so no fused multiply-add), the parameters, and the uniform
variate below the noise. All else is float64. Backends round it, so more than one token
may be a right answer; which ones is decided by bounds on this rounding, not by luck.

A row's parameters come as backends get them:

    reals  [8] float32: 1 / temperature, top_p, -log(min_p), repetition, 1 / repetition,
           presence, frequency, 0
    words  [8] uint32: top_k, seed (low, high), position, is_greedy, and three numbers
           of rows that only backends need
"""

import math
from dataclasses import dataclass

import numpy as np
from reference.philox import WORD, vocabulary_noise

NOT_A_NUMBER, NOTHING = 1, 2
MIN_TEMPERATURE = 1e-5

# Of a mass within this of the threshold, relative, nobody can say on which side it is.
# float32: a weight is off by its gap's two roundings and exp's own, below 3e-6 for what
# matters (gaps below 20); sums in blocks or trees add less than 2e-6; both sides of the
# comparison are off.
MASS_SLACK = 1e-5


@dataclass(frozen=True)
class RightAnswers:
    """What may be said of a row.

    Attributes:
        error: 0, NOT_A_NUMBER or NOTHING.
        log_probs: of each right token, the exact one's first; at an error of token 0.
    """

    error: int
    log_probs: dict[int, float]

    @property
    def token(self) -> int:
        """The exact one."""
        return next(iter(self.log_probs))

    def accept(self, token: int, error: int, log_prob: float) -> bool:
        """Whether a backend's answer is right."""
        if error != self.error or token not in self.log_probs:
            return False
        exact = self.log_probs[token]
        if math.isnan(exact):
            return math.isnan(log_prob)
        # A sum off by MASS_SLACK at most, and some roundings of the logarithm itself.
        return abs(log_prob - exact) <= MASS_SLACK + 2.0**-21 * abs(exact)


def right_answers(
    logits, reals, words, history=None, bias=None, mask=None
) -> RightAnswers:
    """Return the right answers of one row.

    Args:
        logits: [vocab_size], any floats that float32 holds exactly.
        history: [vocab_size] uint32, how often in the answer << 1 | is in the prompt.
        bias: [vocab_size] float32.
        mask: [vocab_size / 32 or more] uint32, bit i % 32 of word i // 32: i may come.
    """
    x = adjusted(logits, reals, history, bias, mask)
    if np.isnan(x).any():
        return RightAnswers(NOT_A_NUMBER, {0: math.nan})
    largest = x.max()
    if largest == -np.inf:
        return RightAnswers(NOTHING, {0: math.nan})
    is_greedy = bool(words[4])
    with np.errstate(invalid="ignore"):  # inf - inf, which is not taken
        gaps = (np.float64(largest) - x.astype(np.float64)) * (
            1.0 if is_greedy else np.float64(reals[0])
        )
    gaps[x == largest] = 0
    log_total = np.log(np.exp(-gaps).sum())
    if is_greedy:
        tokens = [int(np.argmax(x))]
    else:
        seed, position = int(words[1]) | int(words[2]) << 32, int(words[3])
        noise = vocabulary_noise(seed, position, len(x))
        tokens = _winners(x, gaps, noise, reals, words)
    log_probs = {token: float(-gaps[token] - log_total) for token in tokens}
    return RightAnswers(0, log_probs)


def adjusted(logits, reals, history=None, bias=None, mask=None) -> np.ndarray:
    """Return the logits with bias, penalties and mask, [vocab_size] float32."""
    _, _, _, repetition, inv_repetition, presence, frequency, _ = reals
    x = np.asarray(logits).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        if bias is not None:
            x = x + bias
        if history is not None:
            counts = (history >> 1).astype(np.float32)
            lowered = np.where(x > 0, x * inv_repetition, x * repetition)
            x = np.where(history != 0, lowered, x)
            x = x - frequency * counts
            x = np.where(counts > 0, x - presence, x)
    if mask is not None:
        bits = np.unpackbits(mask.astype("<u4").view(np.uint8), bitorder="little")
        x = np.where(bits[: len(x)] == 1, x, np.float32(-np.inf))
    assert x.dtype == np.float32
    return x


def _winners(x, gaps, noise, reals, words) -> list[int]:
    """Return the exact token, then the others that rounding may make the winner."""
    order = np.argsort(-x, kind="stable")  # ties: the lowest id first
    if 0 < words[0] < len(order):
        order = order[: words[0]]
    gaps, noise = gaps[order], noise[order]
    kept, surely, maybe = _kept(gaps, reals)
    keys = noise - gaps
    # Two of log1p, log and quotient below it each, the gap's two, and the difference's.
    slack = 2.0**-21 * (1 + np.abs(noise))
    slack += 2.0**-22 * np.where(np.isinf(gaps), 0, gaps)
    # What is kept ends somewhere in this order: with a token all before it are kept.
    to_beat = np.maximum.accumulate(keys - slack)
    to_beat = np.maximum(to_beat, (keys - slack)[surely].max())
    near = maybe & (keys + slack >= to_beat)
    best = keys[kept].max()
    exact = int(order[kept & (keys == best)].min())
    return [exact, *(int(token) for token in order[near] if token != exact)]


def _kept(gaps, reals) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which tokens top-p and min-p leave: exactly, for sure and perhaps."""
    top_p, min_gap = np.float64(reals[1]), np.float64(reals[2])
    kept, surely, maybe = np.ones((3, len(gaps)), np.bool_)
    if top_p < 1:
        weights = np.exp(-gaps)
        mass = np.cumsum(weights)
        mass_before, to_reach = mass - weights, top_p * mass[-1]
        kept &= mass_before < to_reach
        surely &= mass_before < to_reach * (1 - MASS_SLACK)
        maybe &= mass_before < to_reach * (1 + MASS_SLACK)
    if min_gap < np.inf:
        kept &= gaps <= min_gap
        surely &= gaps <= min_gap * (1 - 2.0**-22)  # the gap's two roundings
        maybe &= gaps <= min_gap * (1 + 2.0**-22)
    for each in kept, surely, maybe:
        each[0] = True
    return kept, surely, maybe


def parameters(sampling, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a row's `reals` and `words`, of SamplingParams or what has its fields."""
    is_greedy = sampling.temperature < MIN_TEMPERATURE
    reals = [
        1.0 if is_greedy else 1 / sampling.temperature,
        sampling.top_p,
        -math.log(sampling.min_p) if sampling.min_p > 0 else math.inf,
        sampling.repetition_penalty,
        1 / sampling.repetition_penalty,
        sampling.presence_penalty,
        sampling.frequency_penalty,
        0,
    ]
    seed = (sampling.seed & WORD, sampling.seed >> 32)
    words = [sampling.top_k, *seed, position, is_greedy, WORD, WORD, WORD]
    return np.array(reals, np.float32), np.array(words, np.uint32)


def draw(logits, sampling, position: int) -> int:
    """Return the exact token of logits that have their penalties already."""
    return right_answers(logits, *parameters(sampling, position)).token
