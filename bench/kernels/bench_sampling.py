"""Microseconds of a draw, native, by mlx-lm and by MLX operations; its share of a step.

The native sampler reads the logits where MLX has them; the others are MLX on the CPU.
All in turn, round by round, on the same logits: they fall off as Zipf's law has it, or
all are nearly equal. Ratios are medians of the rounds' quotients. Then the same on what
a model computes: a step of decoding (the forward pass on one token, evaluated), and the
native draw from its logits. Goals: 20 times as fast as mlx-lm with top-k and top-p,
and less than 3 % of a step of SmolLM2. Prints a table and, last, one line of JSON.

    python -m pensieve.bench.kernels.bench_sampling [--model smollm2] [--rounds 15]
"""

import argparse
import statistics
from typing import Any

from pensieve.engine.blas import preload

from ..record import record

preload()

import mlx.core as mx  # noqa: E402  (OpenBLAS comes first)
import numpy as np  # noqa: E402
from mlx_lm.models.cache import make_prompt_cache  # noqa: E402

from pensieve._native.sampling import available_instructions  # noqa: E402
from pensieve.engine.sampling.cpu_sampler import CpuSampler  # noqa: E402
from pensieve.engine.sampling.operations import draw_by_operations  # noqa: E402
from pensieve.engine.weights.load import load  # noqa: E402
from pensieve.link.messages import SamplingParams  # noqa: E402
from pensieve.models import store  # noqa: E402

from ..case import Work  # noqa: E402
from ..timing import WALL, timed_in_turn  # noqa: E402
from .noise import VOCABULARIES  # noqa: E402
from .sampling import SETTINGS, by_mlx_lm, drawing, zipf_logits  # noqa: E402

GOAL_TIMES, GOAL_SHARE = 20, 0.03
MODEL_SETTING = SETTINGS["top_p"]
PROMPT = list(range(1000, 1064))
CHAIN = "top_k_top_p"
"""The setting that the first goal is about."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    mx.set_default_device(mx.cpu)
    print(f"instructions: {available_instructions()[-1]}")
    print(f"{'logits':10}{'setting':14}{'native us':>10}{'mlx-lm':>10}{'MLX ops':>10}")
    figures: dict[str, object] = {"rounds": arguments.rounds}
    misses = []
    for name, size in VOCABULARIES.items():
        for shape, logits in {"zipf": zipf_logits(size), "flat": flat(size)}.items():
            for setting, settings in SETTINGS.items():
                row = compared(logits[None], settings, arguments.rounds)
                figures[f"{shape}_{name}_{setting}"] = row
                print(
                    f"{shape + ' ' + name:10}{setting:14}{row['native_us']:10.0f}"
                    f"{row['mlx_lm_us']:10.0f}{row['operations_us']:10.0f}"
                    f"   {row['of_mlx_lm']:6.1f} times mlx-lm,"
                    f" {row['of_operations']:6.1f} times MLX operations"
                )
                if setting == CHAIN and row["of_mlx_lm"] < GOAL_TIMES:
                    misses.append(f"{shape} {name} {setting}")
    step = of_a_step(arguments.model, arguments.rounds)
    figures["step"] = {"model": arguments.model, **step}
    print(
        f"{arguments.model}: a step {step['step_us']:.0f} us, a draw with top_p"
        f" {step['native_us']:.0f} us: {step['share']:.2%}"
    )
    if step["share"] >= GOAL_SHARE:
        misses.append("share of a step")
    print(f"goals: {'met' if not misses else 'MISSED at ' + ', '.join(misses)}")
    print(record("sampling", figures))


def flat(vocab_size: int) -> mx.array:
    """Return logits that are nearly equal, [vocab_size] float32."""
    logits = mx.array(np.random.default_rng(1).normal(0, 1e-3, vocab_size), mx.float32)
    mx.eval(logits)
    return logits


def compared(
    logits: mx.array, settings: dict[str, Any], rounds: int
) -> dict[str, float]:
    """Return three times in microseconds, and how many times the first is as fast."""
    mx.eval(logits)
    params = SamplingParams(seed=1, **settings)
    works: dict[str, Work] = {
        "native": drawing(CpuSampler(), logits, params),
        "mlx_lm": by_mlx_lm(logits, params),
        "operations": drawing(draw_by_operations, logits, params),
    }
    times = timed_in_turn(works, rounds, WALL)
    figures = {f"{name}_us": median_us(values) for name, values in times.items()}
    for other in ("mlx_lm", "operations"):
        pairs = zip(times[other], times["native"], strict=True)
        figures[f"of_{other}"] = round(statistics.median(a / b for a, b in pairs), 1)
    return figures


def of_a_step(model_name: str, rounds: int) -> dict[str, float]:
    """Return a step's time in microseconds, a draw's, and the share that this is."""
    model = load(store.resolve(model_name)).model
    cache = make_prompt_cache(model)
    logits = model(mx.array([PROMPT]), cache)[:, -1, :].astype(mx.float32)
    mx.eval(logits)
    token = mx.argmax(logits, axis=-1)[None]

    def step() -> None:
        mx.eval(model(token, cache))
        for layer in cache:
            layer.trim(1)

    draw = drawing(CpuSampler(), logits, SamplingParams(seed=1, **MODEL_SETTING))
    times = timed_in_turn({"step": step, "native": draw}, rounds, WALL)
    pairs = zip(times["native"], times["step"], strict=True)
    return {
        "step_us": median_us(times["step"]),
        "native_us": median_us(times["native"]),
        "share": round(statistics.median(a / b for a, b in pairs), 5),
    }


def median_us(seconds: list[float]) -> float:
    """Return the middle in microseconds."""
    return round(1e6 * statistics.median(seconds), 1)


if __name__ == "__main__":
    main()
