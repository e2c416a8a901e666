"""A step's next token by the native sampler, on logits that MLX has on the CPU.

The baselines are mlx-lm's sampler with the same settings, on the log-probabilities that
its generation loop makes for it, and Pensieve's own MLX operations. All three begin
with the same logits in MLX's memory, evaluated. mlx-lm applies the temperature last, so
that its tokens differ; the work is the same.
"""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.sample_utils import make_sampler

from pensieve._native.sampling import Sampler
from pensieve.engine.sampling.kernels import best_noise
from pensieve.engine.sampling.sampler import draw
from pensieve.link.messages import SamplingParams

from ..case import Case, Contest, Work
from .noise import VOCABULARIES
from .sampling import SETTINGS, zipf_logits

NO_ROW = 0xFFFFFFFF


def native(logits: mx.array, settings: dict[str, Any]) -> Work:
    """Return a draw, at another position each time.

    Args:
        logits: [batch_size, vocab_size] float32, evaluated.
    """
    batch_size = logits.shape[0]
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

    def work() -> None:
        words[:, 3] += 1
        sampler.sample(logits, reals, words, tokens, errors, log_probs)

    return work


def by_mlx_lm(logits: mx.array, settings: dict[str, Any]) -> Work:
    """Return the same by mlx-lm."""
    filters = {k: v for k, v in settings.items() if k != "temperature"}
    sampler = make_sampler(temp=settings["temperature"], **filters)

    def work() -> None:
        logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        mx.eval(sampler(logprobs))

    return work


def by_operations(logits: mx.array, settings: dict[str, Any]) -> Work:
    """Return the same by Pensieve's MLX operations, row by row."""
    params = SamplingParams(seed=1, **settings)
    noise = best_noise(logits.shape[-1])
    positions = itertools.count()

    def work() -> None:
        position = next(positions)
        mx.eval([draw(row, params, position, noise) for row in logits])

    return work


def drawn(
    vocab_size: int, settings: dict[str, Any], batch_size: int = 1
) -> Callable[[Path], Contest]:
    """Return what sets up a draw with these settings."""

    def make(_: Path) -> Contest:
        row = zipf_logits(vocab_size)[None]
        logits = mx.contiguous(mx.repeat(row, batch_size, axis=0))
        mx.eval(logits)
        return Contest(
            native(logits, settings),
            {
                "mlx-lm": by_mlx_lm(logits, settings),
                "MLX operations": by_operations(logits, settings),
            },
            batch_size * vocab_size * 4,
        )

    return make


CASES = [
    *(
        Case(f"native_draw.{setting}_{name}", drawn(size, settings))
        for name, size in VOCABULARIES.items()
        for setting, settings in SETTINGS.items()
    ),
    Case("native_draw.top_p_49k_8_rows", drawn(49_152, SETTINGS["top_p"], 8)),
]
