"""Rows of logits for a GPU's samplers, and which tokens are right answers, in float64.

Short and alone, for a host without the tests: tests/reference/sampling.py is the same
at length. A row's parameters are those of `SamplingKernels`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORD = 0xFFFFFFFF
MASS_SLACK = 1e-5
"""Of a mass this near to top-p's threshold, relative, float32 cannot say its side."""
KEY_SLACK = 4e-5
"""Of keys this near to each other either may win, for GPUs' logarithms and products."""

Floats = NDArray[np.float64]
Words = NDArray[np.uint32]
Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What a row is drawn with."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition: float = 1.0
    presence: float = 0.0
    frequency: float = 0.0

    def reals(self) -> list[float]:
        """Return the row's reals."""
        min_gap = -math.log(self.min_p) if self.min_p else math.inf
        inv_temp = 1 / self.temperature if self.temperature else 1.0
        inv_repetition = 1 / self.repetition
        penalties = (self.repetition, inv_repetition, self.presence, self.frequency)
        return [inv_temp, self.top_p, min_gap, *penalties, 0.0]

    def words(self, seed: int, position: int) -> list[int]:
        """Return the row's words, without a history, a bias and a mask."""
        halves = (seed & WORD, seed >> 32)
        return [self.top_k, *halves, position, self.temperature == 0, WORD, WORD, WORD]


SETTINGS = [
    Settings(temperature=0),
    Settings(temperature=0.7),
    Settings(temperature=0.7, top_k=20, top_p=0.8),
    Settings(temperature=1, top_k=64),
    Settings(temperature=0.7, top_p=0.8),
    Settings(temperature=1, top_p=0.3),
    Settings(temperature=0.6, min_p=0.05),
    Settings(temperature=1, top_k=500),
    Settings(temperature=0.9, top_k=200, top_p=0.9, min_p=0.001),
    Settings(temperature=1.5, top_p=0.95, repetition=1.2, presence=0.5, frequency=0.3),
    Settings(temperature=0, repetition=1.3),
]


def logits_of(shape: str, rng: np.random.Generator, size: int) -> Floats:
    """Return logits [size]."""
    if shape == "zipf":
        return -1.5 * np.log(rng.permutation(size) + 1)
    if shape == "flat":
        return rng.normal(0, 0.6, size)
    if shape == "ties":
        return np.round(rng.normal(0, 2, size))
    hidden = rng.random(size) < 0.9
    return np.where(hidden, -np.inf, rng.normal(2, 3, size))


SHAPES = ("zipf", "flat", "ties", "hidden")


@dataclass(frozen=True)
class Batch:
    """Each of SETTINGS with each of SHAPES; every third row has history, bias, mask.

    Args:
        logits: [batch_size, vocab_size] float32, such as bfloat16 holds exactly.
    """

    logits: Reals
    reals: Reals
    words: Words
    histories: Words
    biases: Reals
    masks: Words

    def right_answers(self, row: int) -> tuple[int, set[int], float]:
        """Return the exact token, all right ones, and the first's log-probability."""
        x = self.logits[row]
        words, reals = self.words[row], self.reals[row]
        if words[5] != WORD:
            x = x + self.biases[words[6]]
            history = self.histories[words[5]]
            lowered = np.where(x > 0, x * reals[4], x * reals[3])
            count = (history >> 1).astype(np.float32)
            x = np.where(history != 0, lowered, x) - reals[6] * count
            x = np.where(count > 0, x - reals[5], x)
            bits = np.unpackbits(self.masks[words[7]].view(np.uint8), bitorder="little")
            x = np.where(bits[: len(x)] == 1, x, np.float32(-np.inf))
        return _right_answers(x, reals, words)


def batch(size: int, seed: int) -> Batch:
    """Make one, with vocabulary `size`."""
    rng = np.random.default_rng(seed)
    settings = [(each, shape) for each in SETTINGS for shape in SHAPES]
    logits = np.stack([logits_of(shape, rng, size) for _, shape in settings])
    rounded = (logits.astype(np.float32).view(np.uint32) >> 16 << 16).view(np.float32)
    words = np.array(
        [each.words(seed + i, 1000 * i) for i, (each, _) in enumerate(settings)],
        np.uint32,
    )
    counts = rng.integers(0, 3, size) * (rng.random(size) < 0.01)
    bits = rng.random((size + 31) // 32 * 32) < 0.5
    words[::3, 5:] = 0
    return Batch(
        rounded,
        np.array([each.reals() for each, _ in settings], np.float32),
        words,
        (counts << 1 | (counts > 1))[None].astype(np.uint32),
        np.where(rng.random(size) < 0.01, 0.7, 0)[None].astype(np.float32),
        np.packbits(bits, bitorder="little").view(np.uint32)[None],
    )


def noise(seed: int, position: int, size: int) -> Floats:
    """Return the Gumbel noise of each token."""
    blocks: NDArray[Any] = np.arange((size + 3) // 4, dtype=np.uint64)
    words = [blocks, 0 * blocks + position, 0 * blocks, 0 * blocks]
    key = [seed & WORD, seed >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [
            (second >> 32) ^ words[1] ^ key[0],
            second & WORD,
            (first >> 32) ^ words[3] ^ key[1],
            first & WORD,
        ]
        key = [(key[0] + 0x9E3779B9) & WORD, (key[1] + 0xBB67AE85) & WORD]
    drawn = np.stack(words, -1).ravel()[:size]
    uniform = (drawn.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    smaller = np.minimum(uniform.astype(np.float64), 1 - 2.0**-24)
    return np.asarray(-np.log(-np.log1p(-smaller)))


def _right_answers(x: Reals, reals: Reals, words: Words) -> tuple[int, set[int], float]:
    top_k, low, high, position, is_greedy = (int(word) for word in words[:5])
    largest = float(x.max())
    inv_temp = 1.0 if is_greedy else float(reals[0])
    gaps = (largest - x.astype(np.float64)) * inv_temp
    log_total = float(np.log(np.exp(-gaps).sum()))
    if is_greedy:
        token = int(np.argmax(x))
        return token, {token}, -log_total
    order = np.argsort(-x, kind="stable")[: top_k or None]
    keys = (noise(low | high << 32, position, len(x)) - gaps)[order]
    weights = np.exp(-gaps[order])
    mass = np.cumsum(weights)

    def kept(slack: float) -> NDArray[np.bool_]:
        inside = np.ones(len(order), np.bool_)
        if reals[1] < 1:
            reach = float(reals[1]) * mass[-1] * (1 + slack)
            inside &= mass - weights < reach
        inside &= gaps[order] <= float(reals[2]) * (1 + slack)
        inside[0] = True
        return inside

    exact = int(np.argmax(np.where(kept(0), keys, -np.inf)))
    surely = np.where(kept(-MASS_SLACK), keys, -np.inf).max()
    # With a token all before it are kept, too.
    to_beat = np.maximum(np.maximum.accumulate(keys), surely) - KEY_SLACK
    near = order[kept(MASS_SLACK) & (keys >= to_beat)]
    token = int(order[exact])
    return token, {token, *map(int, near)}, float(-gaps[token] - log_total)
