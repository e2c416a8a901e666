"""A step's next token from its logits, with each filter; and the penalties.

The baseline is mlx-lm's sampler and its logits processors with the same settings. It
applies the temperature last and Pensieve first, so that their tokens differ; the work
is the same. Logits fall off by rank as Zipf's law has it, in an order of their own.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.sample_utils import make_logits_processors, make_sampler

from pensieve.engine.sampling.kernels import best_noise
from pensieve.engine.sampling.penalties import Penalties
from pensieve.engine.sampling.sampler import SequenceSampler, draw, greedy
from pensieve.link.messages import SamplingParams

from ..case import Case, Contest
from .noise import VOCABULARIES

SETTINGS: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 0.7},
    "top_k": {"temperature": 0.7, "top_k": 20},
    "top_p": {"temperature": 0.7, "top_p": 0.95},
    "min_p": {"temperature": 0.7, "min_p": 0.05},
    "top_k_top_p": {"temperature": 0.7, "top_k": 20, "top_p": 0.95},
}
PROMPT = tuple(range(1000, 1020))
"""As long as mlx-lm's penalties look back."""


def zipf_logits(vocab_size: int) -> mx.array:
    """Return logits [vocab_size] float32, of a fixed order."""
    ranks = np.random.default_rng(0).permutation(vocab_size) + 1
    logits = mx.array(-1.5 * np.log(ranks), mx.float32)
    mx.eval(logits)
    return logits


def taken(vocab_size: int) -> Callable[[Path], Contest]:
    """Return what sets up the taking of the likeliest token."""

    def make(_: Path) -> Contest:
        logits = zipf_logits(vocab_size)
        theirs = make_sampler(temp=0)
        return Contest(
            lambda: mx.eval(greedy(logits[None])),
            {"mlx-lm": lambda: mx.eval(theirs(logits[None]))},
        )

    return make


def drawn(vocab_size: int, settings: dict[str, Any]) -> Callable[[Path], Contest]:
    """Return what sets up a draw with these settings."""

    def make(_: Path) -> Contest:
        logits = zipf_logits(vocab_size)
        params = SamplingParams(seed=1, **settings)
        noise = best_noise(vocab_size)
        positions = itertools.count()
        filters = {k: v for k, v in settings.items() if k != "temperature"}
        theirs = make_sampler(temp=settings["temperature"], **filters)

        def mlx_lm() -> None:
            logprobs = logits - mx.logsumexp(logits)
            mx.eval(theirs(logprobs[None]))

        return Contest(
            lambda: mx.eval(draw(logits, params, next(positions), noise)),
            {"mlx-lm": mlx_lm},
        )

    return make


def penalised(vocab_size: int) -> Callable[[Path], Contest]:
    """Return what sets up a greedy step with a repetition penalty."""

    def make(_: Path) -> Contest:
        logits = zipf_logits(vocab_size)
        params = SamplingParams(seed=1, temperature=0, repetition_penalty=1.1)
        penalties = Penalties(params, PROMPT, (), vocab_size)
        sampler = SequenceSampler(
            params, len(PROMPT), best_noise(vocab_size), penalties
        )
        (process,) = make_logits_processors(repetition_penalty=1.1)
        tokens = mx.array(PROMPT)
        return Contest(
            lambda: mx.eval(sampler(logits[None])),
            {"mlx-lm": lambda: mx.eval(mx.argmax(process(tokens, logits[None])))},
        )

    return make


CASES = [
    case
    for name, size in VOCABULARIES.items()
    for case in (
        Case(f"draw.greedy_{name}", taken(size)),
        *(
            Case(f"draw.{setting}_{name}", drawn(size, settings))
            for setting, settings in SETTINGS.items()
        ),
        Case(f"draw.repetition_{name}", penalised(size)),
    )
]
