"""Steps of a random 4-bit model, each begun before the token of the last is known."""

import itertools
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.sample_utils import make_sampler

from pensieve.engine.sampling.gpu_kernels import SamplingKernels, needed
from pensieve.engine.sampling.parameters import NUM_PARAMS, joined

from ..timing import in_turn
from .random_model import config, quantized
from .sampling_rows import Settings

NUM_STEPS = 64
WARM_STEPS = 8
ROUNDS = 6
PROMPT_SIZE = 32
POSITION = NUM_PARAMS + 3
"""Of a row's parameters."""

Sample = Callable[[mx.array, int], mx.array]
"""Logits [batch_size, vocab_size] and a position → tokens [batch_size]."""


def decode_steps(sizes: str, batch_size: int, settings: Settings) -> dict[str, Any]:
    """Return microseconds a step and tokens a second by each way of sampling, medians
    of rounds in turn."""
    model = model_of(sizes)
    prompt = mx.zeros((batch_size, PROMPT_SIZE), mx.uint32)
    samples = {
        "greedy": lambda logits, position: mx.argmax(logits, axis=-1),
        "kernel": kernel(settings, batch_size),
        "kernel_greedy": kernel(Settings(temperature=0), batch_size),
        "kernel_top_p": kernel(Settings(temperature=0.7, top_p=0.8), batch_size),
        "kernel_temperature": kernel(Settings(temperature=0.7), batch_size),
        "mlx_lm": chain(settings),
    }
    runs = {
        name: partial(step_seconds, model, prompt, sample)
        for name, sample in samples.items()
    }
    for run in runs.values():
        run()
    times = in_turn(runs, ROUNDS)
    greedy = times["greedy"]
    return {
        "sizes": config(sizes)["hidden_size"],
        **{
            name: {
                "step_us": round(1e6 * statistics.median(taken), 1),
                "more_than_greedy_us": round(
                    1e6
                    * statistics.median(
                        a - b for a, b in zip(taken, greedy, strict=True)
                    ),
                    1,
                ),
                "tokens_per_s": round(batch_size / statistics.median(taken), 1),
            }
            for name, taken in times.items()
        },
    }


VOCAB_SIZE = 128_256
"""Of the random models; only that it is more than any top-k matters."""


@cache
def model_of(sizes: str) -> nn.Module:
    """Return the model, made once."""
    return quantized(sizes)


def kernel(settings: Settings, batch_size: int) -> Sample:
    """Return draws by the kernels, whose parameters the host sends with each step."""
    sampler = SamplingKernels()
    reals = np.array([settings.reals()] * batch_size, np.float32)
    words = np.array([settings.words(i, 0) for i in range(batch_size)], np.uint32)
    needs = needed(reals, words, VOCAB_SIZE)
    params = joined(reals, words)

    def sample(logits: mx.array, position: int) -> mx.array:
        params[:, POSITION] = position
        return sampler(logits, mx.array(params), needs=needs)[0]

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


def step_seconds(model: nn.Module, prompt: mx.array, sample: Sample) -> float:
    """Return the mean seconds of a step, after some that are not counted."""
    layers = make_prompt_cache(model)
    positions = itertools.count()

    def begin(tokens: mx.array) -> mx.array:
        logits = model(tokens, cache=layers)[:, -1, :]
        drawn = sample(logits, next(positions))
        mx.async_eval(drawn)  # type: ignore[no-untyped-call]
        return drawn

    tokens = begin(prompt)
    began = 0.0
    for step in range(WARM_STEPS + NUM_STEPS):
        if step == WARM_STEPS:
            tokens.tolist()
            began = time.perf_counter()
        following = begin(tokens[:, None])
        tokens.tolist()
        tokens = following
    tokens.tolist()
    return (time.perf_counter() - began) / NUM_STEPS
