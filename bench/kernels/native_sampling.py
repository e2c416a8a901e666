"""A step's next token by the native sampler, on logits that MLX has on the CPU.

The baselines are mlx-lm's sampler with the same settings, on the log-probabilities that
its generation loop makes for it, and Pensieve's own MLX operations. All three begin
with the same logits in MLX's memory, evaluated. mlx-lm applies the temperature last, so
that its tokens differ; the work is the same.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.sample_utils import make_sampler

from pensieve.engine.sampling.kernels import best_noise
from pensieve.engine.sampling.sampler import draw
from pensieve.link.messages import SamplingParams

from ..case import Case, Contest, Work
from ..native.sampling import native
from .noise import VOCABULARIES
from .sampling import SETTINGS, zipf_logits


def by_mlx_lm(logits: mx.array, settings: dict[str, Any]) -> Work:
    """Return a draw from [batch_size, vocab_size] logits by mlx-lm."""
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
            native(logits, logits.shape, settings),
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
