"""Steps of a random 4-bit model, each begun before the token of the last is known."""

import itertools
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.sample_utils import make_sampler

from pensieve.engine.sampling.gpu_kernels import SamplingKernels, needed
from pensieve.engine.sampling.parameters import NUM_PARAMS, joined

from ..timing import in_turn, no_collections
from .random_model import config, quantized
from .sampling_rows import Settings

BLOCK = 16
"""Steps of one way before the next has its turn."""
NOT_COUNTED = 2
"""First steps of a block: the device has other work before them."""
ROUNDS = 60
PROMPT_SIZE = 32
POSITION = NUM_PARAMS + 3
"""Of a row's parameters."""

Sample = Callable[[mx.array, int], mx.array]
"""Logits [batch_size, vocab_size] and a position → tokens [batch_size]."""


def decode_steps(
    sizes: str, batch_size: int, settings: Settings, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Return microseconds a step and tokens a second by each way of sampling: medians
    of steps, and of the rounds' differences from greedy, blocks of steps in turn."""
    model = quantized(sizes)
    samples = {
        "greedy": lambda logits, position: mx.argmax(logits, axis=-1),
        "kernel": kernel(settings, batch_size),
        "kernel_sent": kernel(settings, batch_size, sends=True),
        "kernel_top_p": kernel(Settings(temperature=0.7, top_p=0.8), batch_size),
        "mlx_lm": chain(settings),
    }
    loops = {name: Loop(model, batch_size, sample) for name, sample in samples.items()}
    for loop in loops.values():
        loop.steps(BLOCK)
    steps: dict[str, list[float]] = {name: [] for name in loops}

    def block(name: str) -> float:
        taken = loops[name].steps(BLOCK)[NOT_COUNTED:]
        steps[name] += taken
        return statistics.median(taken)

    with no_collections():
        blocks = in_turn({name: partial(block, name) for name in loops}, rounds)
    return {
        "sizes": config(sizes)["hidden_size"],
        "steps": len(steps["greedy"]),
        **{
            name: {
                "step_us": microseconds(steps[name]),
                "more_than_greedy_us": microseconds(
                    [a - b for a, b in zip(taken, blocks["greedy"], strict=True)]
                ),
                "tokens_per_s": round(batch_size / statistics.median(steps[name]), 1),
            }
            for name, taken in blocks.items()
        },
    }


def microseconds(seconds: list[float]) -> float:
    """Return the median."""
    return round(1e6 * statistics.median(seconds), 1)


VOCAB_SIZE = 128_256
"""Of the random models; only that it is more than any top-k matters."""


def kernel(settings: Settings, batch_size: int, sends: bool = False) -> Sample:
    """Return draws by the kernels.

    Args:
        sends: the host sends the parameters with each step; else with the first.
    """
    sampler = SamplingKernels()
    reals = np.array([settings.reals()] * batch_size, np.float32)
    words = np.array([settings.words(i, 0) for i in range(batch_size)], np.uint32)
    needs = needed(reals, words, VOCAB_SIZE)
    held = joined(reals, words)
    params = mx.array(held)

    def sample(logits: mx.array, position: int) -> mx.array:
        nonlocal params
        if sends:
            held[:, POSITION] = position
            params = mx.array(held)
        drawn, params = sampler(logits, params, needs=needs)
        return drawn.tokens

    return sample


def chain(settings: Settings) -> Sample:
    """Return mlx-lm's way: log-probabilities, filters, a draw."""
    sampler = make_sampler(
        temp=settings.temperature, top_p=settings.top_p, top_k=settings.top_k
    )

    def sample(logits: mx.array, position: int) -> mx.array:
        tokens: mx.array = sampler(
            logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        )
        return tokens

    return sample


class Loop:
    """Decoding with one way of sampling; it goes on where it was left."""

    def __init__(self, model: nn.Module, batch_size: int, sample: Sample) -> None:
        self._model = model
        self._sample = sample
        self._layers = make_prompt_cache(model)
        self._positions = itertools.count()
        self._tokens = self._begun(mx.zeros((batch_size, PROMPT_SIZE), mx.uint32))

    def steps(self, number: int) -> list[float]:
        """Decode, and return the seconds from token to token."""
        taken = []
        began = time.perf_counter()
        for _ in range(number):
            following = self._begun(self._tokens[:, None])
            self._tokens.tolist()
            self._tokens = following
            ended = time.perf_counter()
            taken.append(ended - began)
            began = ended
        return taken

    def _begun(self, tokens: mx.array) -> mx.array:
        logits = self._model(tokens, cache=self._layers)[:, -1, :]
        drawn = self._sample(logits, next(self._positions))
        mx.async_eval(drawn)  # type: ignore[no-untyped-call]
        return drawn
