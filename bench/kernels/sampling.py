"""A step's next token from its logits, with each filter; and the penalties.

The baselines are the MLX operations that specify it, and mlx-lm's sampler and logits
processors with the same settings. mlx-lm applies the temperature last and Pensieve
first, so that their tokens differ; the work is the same. Logits fall off by rank as
Zipf's law has it, in an order of their own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.sample_utils import make_logits_processors, make_sampler

from pensieve.engine.sampling.best_sampler import best_sampler
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import Sampler
from pensieve.engine.sampling.sequence import SequenceDraws, history_of
from pensieve.link.messages import SamplingParams

from ..case import Case, Contest, Work
from .noise import VOCABULARIES

SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "temperature": {"temperature": 0.7},
    "top_k": {"temperature": 0.7, "top_k": 20},
    "top_p": {"temperature": 0.7, "top_p": 0.95},
    "min_p": {"temperature": 0.7, "min_p": 0.05},
    "top_k_top_p": {"temperature": 0.7, "top_k": 20, "top_p": 0.95},
    "repetition": {"temperature": 0, "repetition_penalty": 1.1},
}
PROMPT = tuple(range(1000, 1020))
"""As long as mlx-lm's penalties look back."""


def zipf_logits(vocab_size: int) -> mx.array:
    """Return logits [vocab_size] float32, of a fixed order."""
    ranks = np.random.default_rng(0).permutation(vocab_size) + 1
    logits = mx.array(-1.5 * np.log(ranks), mx.float32)
    mx.eval(logits)
    return logits


def drawing(sampler: Sampler, logits: mx.array, params: SamplingParams) -> Work:
    """Return what draws the next token of each row.

    Args:
        logits: [batch_size, vocab_size], evaluated.
    """
    history = None
    if params.repetition_penalty != 1:
        history = history_of(PROMPT, (), logits.shape[1])
    sequences = [SequenceDraws(params, len(PROMPT), history) for _ in logits]
    masks = [None] * len(sequences)
    return lambda: mx.eval(sampler(logits, sequences, masks).tokens)


def by_mlx_lm(logits: mx.array, params: SamplingParams) -> Work:
    """Return what does the same as mlx-lm has it, log-probabilities included."""
    sampler = make_sampler(
        temp=params.temperature,
        top_p=params.top_p if params.top_p < 1 else 0,
        min_p=params.min_p,
        top_k=params.top_k,
    )
    penalty = params.repetition_penalty
    processors = make_logits_processors(
        repetition_penalty=penalty if penalty != 1 else None
    )
    tokens = mx.array(PROMPT)

    def draw() -> None:
        rows = logits
        for process in processors:
            rows = process(tokens, rows)
        mx.eval(sampler(rows - mx.logsumexp(rows, axis=-1, keepdims=True)))

    return draw


def drawn(
    vocab_size: int, settings: dict[str, Any], batch_size: int = 1
) -> Callable[[Path], Contest]:
    """Return what sets up a draw with these settings."""

    def make(_: Path) -> Contest:
        row = zipf_logits(vocab_size)[None]
        logits = mx.contiguous(mx.repeat(row, batch_size, axis=0))
        mx.eval(logits)
        params = SamplingParams(seed=1, **settings)
        chosen = best_sampler(vocab_size, logits.dtype)
        return Contest(
            drawing(chosen.sampler, logits, params),
            {
                "MLX operations": drawing(draw_by_operations, logits, params),
                "mlx-lm": by_mlx_lm(logits, params),
            },
            logits.nbytes,
        )

    return make


CASES = [
    *(
        Case(f"draw.{setting}_{name}", drawn(size, settings))
        for name, size in VOCABULARIES.items()
        for setting, settings in SETTINGS.items()
    ),
    Case("draw.top_p_49k_8_rows", drawn(49_152, SETTINGS["top_p"], 8)),
]
