"""Draws from the logits of a vocabulary, with filters as models recommend them.

The baseline is the same in NumPy: weights, a sort for top-p or a partition for top-k,
and a draw with NumPy's own generator. On what MLX and mlx-lm take, see kernels/.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..case import Case, Contest, MissingError, Work

VOCABULARIES = {"49k": 49_152, "152k": 151_936}
SETTINGS: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 0.7},
    "top_k_top_p": {"temperature": 0.7, "top_k": 20, "top_p": 0.95},
    "top_p": {"temperature": 0.7, "top_p": 0.95},
}
NO_ROW = 0xFFFFFFFF


def native(logits: object, shape: tuple[int, ...], settings: dict[str, Any]) -> Work:
    """Return a draw of the compiled module, at another position each time.

    Args:
        logits: [batch_size, vocab_size] float32, whatever has a buffer.
        shape: the same two numbers.
        settings: `temperature`, above 0, and those of top_k, top_p and min_p that are.
    """
    try:
        from pensieve._native.sampling import Sampler
    except ImportError:
        raise MissingError("no pensieve._native.sampling here") from None
    batch_size = shape[0]
    min_p = settings.get("min_p", 0.0)
    reals = np.zeros((batch_size, 8), np.float32)
    reals[:, 0] = 1 / settings["temperature"]
    reals[:, 1] = settings.get("top_p", 1.0)
    reals[:, 2] = -math.log(min_p) if min_p else math.inf
    reals[:, 3:5] = 1
    words = np.zeros((batch_size, 8), np.uint32)
    words[:, 0] = settings.get("top_k", 0)
    words[:, 1] = np.arange(batch_size)
    words[:, 5:] = NO_ROW
    tokens, errors = np.zeros((2, batch_size), np.uint32)
    log_probs = np.zeros(batch_size, np.float32)
    sampler = Sampler()

    def work() -> NDArray[np.uint32]:
        words[:, 3] += 1
        sampler.sample(logits, reals, words, tokens, errors, log_probs)
        return tokens

    return work


def by_numpy(logits: NDArray[np.float32], settings: dict[str, Any]) -> Work:
    """Return the same in NumPy, for [1, vocab_size] logits."""
    generator = np.random.default_rng(1)

    def work() -> int:
        scaled = logits[0] / np.float32(settings["temperature"])
        kept = np.arange(scaled.size)
        if top_k := settings.get("top_k", 0):
            kept = np.argpartition(-scaled, top_k - 1)[:top_k]
        weights = np.exp(scaled[kept] - scaled.max())
        if (top_p := settings.get("top_p", 1.0)) < 1:
            order = np.argsort(-weights, kind="stable")
            mass = np.cumsum(weights[order])
            order = order[mass - weights[order] < top_p * mass[-1]]
            kept, weights = kept[order], weights[order]
        mass = np.cumsum(weights)
        return int(kept[np.searchsorted(mass, generator.random() * mass[-1])])

    return work


def drawn(vocab_size: int, settings: dict[str, Any]) -> Callable[[Path], Contest]:
    """Return what sets up a draw with these settings; Zipf's law has the logits."""

    def make(_: Path) -> Contest:
        ranks = np.random.default_rng(0).permutation(vocab_size) + 1
        logits = (-1.5 * np.log(ranks)).astype(np.float32)[None]
        return Contest(
            native(logits, (1, vocab_size), settings),
            {"numpy": by_numpy(logits, settings)},
            logits.nbytes,
        )

    return make


CASES = [
    Case(f"sampling.{setting}_{name}", drawn(size, settings))
    for name, size in VOCABULARIES.items()
    for setting, settings in SETTINGS.items()
]
