"""The fastest sampler that draws here what the MLX operations do.

It is compared with them at start-up, in the vocabulary and type of the model's logits;
where it differs or does not run they serve in its place, and the reason is told.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from pensieve.engine.sampling.cpu_sampler import CpuSampler
from pensieve.engine.sampling.gpu_sampler import GpuSampler
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import Drawn, Sampler
from pensieve.engine.sampling.sequence import SequenceDraws, bias_of, history_of
from pensieve.engine.token_bits import bits_of
from pensieve.link.messages import SamplingParams

log = logging.getLogger(__name__)

OPERATIONS = "MLX operations"
LOG_PROB_TOLERANCE = 1e-3
"""Of sums over a vocabulary in float32, in another order."""

_ALL = (
    SamplingParams(seed=0, temperature=0),
    SamplingParams(seed=1),
    SamplingParams(seed=2, temperature=0.7, top_k=20, top_p=0.8),
    SamplingParams(seed=3, temperature=0.6, top_p=0.95),
    SamplingParams(seed=2**64 - 1, temperature=1.5, min_p=0.05),
    SamplingParams(seed=5, top_k=100, top_p=0.9),
    SamplingParams(seed=6, repetition_penalty=1.3, presence_penalty=0.5, top_k=64),
    SamplingParams(seed=7, frequency_penalty=0.4, logit_bias={1: 3.0}, top_p=0.9),
)
_WITH_TOP_K = tuple(
    SamplingParams(seed=seed, temperature=0.8, top_k=1 << seed, top_p=0.9)
    for seed in range(7)
)
_SELF_TEST = (_ALL, _WITH_TOP_K, (*_ALL[:2], *_WITH_TOP_K))
"""Batches, for each way in which the kernels draw one. The first has penalties and a
mask, with which all rows are adjusted."""


class Choice(NamedTuple):
    """A sampler, and what it is."""

    sampler: Sampler
    name: str
    failure: str = ""
    """Why a faster one is switched off; empty: none is."""

    def __str__(self) -> str:
        return f"{self.name} ({self.failure})" if self.failure else self.name


def best_sampler(vocab_size: int, dtype: mx.Dtype) -> Choice:
    """Return the sampler for logits of this size and type."""
    on_gpu = mx.default_device().type == mx.gpu
    name = "C++" if not on_gpu else "Metal" if mx.metal.is_available() else "CUDA"
    sampler: Sampler = GpuSampler() if on_gpu else CpuSampler()
    failure = difference(sampler, vocab_size, dtype)
    if not failure:
        return Choice(sampler, name)
    log.warning(
        "SAMPLING IS SLOWER THAN IT COULD BE: the %s sampler is off, as it %s",
        name,
        failure,
    )
    return Choice(draw_by_operations, OPERATIONS, f"{name} is off: it {failure}")


def difference(sampler: Sampler, vocab_size: int, dtype: mx.Dtype) -> str:
    """Return how a sampler's draws differ from the specified ones, empty if not."""
    for settings in _SELF_TEST:
        rows = np.random.default_rng(0).normal(0, 2, (len(settings), vocab_size))
        logits = mx.array(rows, mx.float32).astype(dtype)
        try:
            drawn = _drawn(sampler, logits, settings)
            mx.eval(drawn)
        except (RuntimeError, ValueError) as error:
            return f"does not run: {error}"
        if failure := _failure(drawn, _drawn(draw_by_operations, logits, settings)):
            return failure
    return ""


def _failure(drawn: Drawn, expected: Drawn) -> str:
    for name in ("tokens", "errors"):
        got, right = getattr(drawn, name).tolist(), getattr(expected, name).tolist()
        if got != right:
            return f"draws wrongly: expected {name} {right}, got {got}"
    off = float(mx.max(mx.abs(drawn.log_probs - expected.log_probs)))
    if not off <= LOG_PROB_TOLERANCE:  # NaN is not within it either
        return f"draws with log-probabilities that are wrong by {off}"
    return ""


def _drawn(
    sampler: Sampler, logits: mx.array, settings: Sequence[SamplingParams]
) -> Drawn:
    vocab_size = logits.shape[1]
    prompt, answer = [0, vocab_size - 1], [vocab_size // 2] * 3
    is_adjusted = settings is _ALL
    sequences = [
        SequenceDraws(
            params,
            100 + i,
            history_of(prompt, answer, vocab_size) if is_adjusted else None,
            bias_of(params.logit_bias, vocab_size)
            if is_adjusted and vocab_size > 1
            else None,
        )
        for i, params in enumerate(settings)
    ]
    mask = bits_of(range(0, vocab_size, 2), vocab_size) if is_adjusted else None
    return sampler(logits, sequences, [mask, *[None] * (len(settings) - 1)])
