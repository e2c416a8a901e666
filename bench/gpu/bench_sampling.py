r"""Sampling kernels on a GPU: right answers, and times beside mlx-lm's and argmax.

Of a vocabulary of 151,936: tokens compared with float64; a million draws' frequencies;
synchronous calls in turn, medians in microseconds, of batches of 1, 16 and 64; the same
with the kernels in other sizes; and steps of a random 4-bit model of 8B's size, where
sampling runs behind the next step. Each part is written to OUT as soon as it is done,
and one that fails leaves its reason there, a compiler's whole complaint. Prints the
parts and, last, one line of JSON.

    python -m pensieve.bench.gpu.bench_sampling OUT [--limit 560] [--vocab 151936] \
        [--sizes 8b] [--rounds 200]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.sample_utils import make_sampler

from pensieve.engine.sampling.gpu_kernels import Needs, SamplingKernels, Sizes, needed
from pensieve.engine.sampling.parameters import joined

from ..timing import in_turn, no_collections
from .decode_steps import decode_steps
from .parts import Report
from .sampling_rows import SETTINGS, WORD, Batch, Settings, batch

VOCAB_SIZE = 151_936
BATCHES = (1, 16, 64)
DTYPES = {"bfloat16": mx.bfloat16, "float32": mx.float32}
QWEN = Settings(temperature=0.7, top_k=20, top_p=0.8)
TIMED = {
    "greedy": Settings(temperature=0),
    "temperature": Settings(temperature=0.7),
    "top_k_top_p": QWEN,
    "top_p": Settings(temperature=0.7, top_p=0.8),
    "min_p": Settings(temperature=0.7, min_p=0.05),
    "large_top_k": Settings(temperature=0.7, top_k=200, top_p=0.9),
}
OTHER_SIZES = [
    Sizes(split_size=2048),
    Sizes(split_size=2048, threads=128),
    Sizes(split_size=1024),
    Sizes(split_size=8192),
    Sizes(split_size=4096, threads=512),
]
NUM_DRAWS = 1_000_000
DEEP = 16
"""Draws computed at once, to see what one adds where no call waits."""

Work = Callable[[], object]


def drawn_with(settings: Settings, batch_size: int) -> tuple[mx.array, Needs]:
    """Return a batch's parameters, all rows alike but for their seeds, and what it
    needs."""
    reals = np.array([settings.reals()] * batch_size, np.float32)
    words = np.array([settings.words(i, 77) for i in range(batch_size)], np.uint32)
    params = mx.array(joined(reals, words))
    mx.eval(params)
    return params, needed(reals, words, VOCAB_SIZE)


def zipf(batch_size: int, vocab_size: int, dtype: mx.Dtype) -> mx.array:
    """Return logits as a model's: some tokens are likely, most are not."""
    rng = np.random.default_rng(0)
    ranks = np.stack([rng.permutation(vocab_size) + 1 for _ in range(batch_size)])
    logits = mx.array(-1.5 * np.log(ranks), mx.float32).astype(dtype)
    mx.eval(logits)
    return logits


def flat(batch_size: int, vocab_size: int, dtype: mx.Dtype) -> mx.array:
    """Return logits as those of random weights: all tokens are about as likely."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 0.6, (batch_size, vocab_size)).astype(np.float32)
    made = mx.array(logits).astype(dtype)
    mx.eval(made)
    return made


def compiled(vocab_size: int) -> dict[str, float]:
    """Return the seconds of first calls, which compile."""
    took = {}
    for name, dtype in DTYPES.items():
        logits = zipf(1, vocab_size, dtype)
        for setting in ("top_k_top_p", "top_p"):
            began = time.perf_counter()
            params, needs = drawn_with(TIMED[setting], 1)
            mx.eval(SamplingKernels()(logits, params, needs=needs))
            took[f"{name} {setting}"] = round(time.perf_counter() - began, 2)
    return took


def compared(
    rows: Batch, dtype: mx.Dtype, sizes: Sizes, needs: Needs | None = None
) -> dict[str, Any]:
    """Return how many tokens are not right answers, and which."""
    logits = mx.array(rows.logits).astype(dtype)
    params = joined(rows.reals, rows.words)
    others = (rows.histories, rows.biases.view(np.uint32), rows.masks)
    needs = needs or needed(rows.reals, rows.words, logits.shape[1], sizes)
    sampler = SamplingKernels(sizes=sizes)
    drawn, _ = sampler(logits, mx.array(params), *map(mx.array, others), needs=needs)
    tokens, errors, log_probs = map(np.array, drawn)
    wrong: list[str] = []
    not_exact, worst = 0, 0.0
    for i, token in enumerate(tokens.tolist()):
        exact, right, log_prob = rows.right_answers(i)
        if token not in right or errors[i]:
            setting = SETTINGS[i * len(SETTINGS) // len(tokens)]
            wrong.append(f"row {i}, {setting}: {token}, {errors[i]}, not {right}")
        elif token == exact:
            worst = max(worst, abs(float(log_probs[i]) - log_prob))
        else:
            not_exact += 1
    alone = 0
    for i in range(0, len(tokens), 5):
        is_adjusted = (rows.words[i, 5:] != WORD).any()
        row = (logits[i : i + 1], mx.array(params[i : i + 1]))
        given = map(mx.array, others if is_adjusted else ())
        one = needed(rows.reals[i : i + 1], rows.words[i : i + 1], logits.shape[1])
        # Where it only needs that, by the kernels that only select.
        again, _ = sampler(
            *row, *given, needs=one if one is Needs.SELECTIONS else needs
        )
        same = [np.array(each)[0].tobytes() for each in again]
        alone += same != [np.array(each)[i].tobytes() for each in drawn]
    return {
        "rows": len(tokens),
        "wrong": wrong,
        "other_than_exact": not_exact,
        "worst_log_prob_difference": worst,
        "different_alone": alone,
    }


def frequencies(settings: Settings, vocab_size: int = 1000) -> dict[str, float]:
    """Return chi-square of a million draws, and how unlikely it is in deviations."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, vocab_size).astype(np.float32)
    order = np.argsort(-logits, kind="stable")[: settings.top_k or None]
    gaps = (logits[order[0]] - logits[order]).astype(np.float64) / settings.temperature
    weights = np.exp(-gaps)
    kept = np.cumsum(weights) - weights < settings.top_p * weights.sum()
    expected = NUM_DRAWS * weights[kept] / weights[kept].sum()
    counts = np.zeros(vocab_size)
    size = 8000
    many = mx.array(np.tile(logits, (size, 1)))
    reals = np.array([settings.reals()] * size, np.float32)
    words = np.array([settings.words(3, 0)] * size, np.uint32)
    needs = needed(reals, words, vocab_size)
    sampler = SamplingKernels()
    for first in range(0, NUM_DRAWS, size):
        words[:, 3] = np.arange(first, first + size)
        params = mx.array(joined(reals, words))
        tokens = sampler(many, params, needs=needs)[0].tokens
        counts += np.bincount(np.array(tokens), minlength=vocab_size)
    outside = counts.sum() - counts[order[kept]].sum()
    # Rare tokens together: the statistic wants some draws of each.
    is_rare = expected < 20
    seen = np.append(counts[order[kept]][~is_rare], counts[order[kept]][is_rare].sum())
    wanted = np.append(expected[~is_rare], expected[is_rare].sum())
    seen, wanted = seen[wanted > 0], wanted[wanted > 0]
    chi_square = float(((seen - wanted) ** 2 / wanted).sum())
    freedom = len(seen) - 1
    deviations = ((chi_square / freedom) ** (1 / 3) - 1 + 2 / (9 * freedom)) / (
        2 / (9 * freedom)
    ) ** 0.5
    return {
        "draws": float(counts.sum()),
        "outside_of_what_is_kept": float(outside),
        "chi_square": chi_square,
        "degrees_of_freedom": freedom,
        "deviations": deviations,
    }


def rivals(logits: mx.array) -> dict[str, Work]:
    """Return mlx-lm's samplers on log-probabilities that it is given, and argmax."""
    logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    mx.eval(logprobs)
    chain = make_sampler(temp=0.7, top_p=0.8, top_k=20)
    top_p, min_p = make_sampler(temp=0.7, top_p=0.8), make_sampler(temp=0.7, min_p=0.05)
    plain = make_sampler(temp=0.7)
    return {
        "argmax": lambda: mx.argmax(logits, axis=-1),
        "mlx_lm_top_k_top_p": lambda: chain(logprobs),
        "mlx_lm_top_p": lambda: top_p(logprobs),
        "mlx_lm_min_p": lambda: min_p(logprobs),
        "mlx_lm_temperature": lambda: plain(logprobs),
    }


def kernels(logits: mx.array, sizes: Sizes, names: list[str]) -> dict[str, Work]:
    """Return draws with each of the settings."""
    sampler = SamplingKernels(sizes=sizes)

    def draw(name: str) -> Work:
        params, needs = drawn_with(TIMED[name], len(logits))
        return lambda: sampler(logits, params, needs=needs)

    return {name: draw(name) for name in names}


def timed(works: dict[str, Work], rounds: int) -> dict[str, dict[str, float]]:
    """Return the medians, in microseconds: of a call that is waited for, and of one
    more among DEEP that are."""

    def once(work: Work) -> float:
        began = time.perf_counter()
        mx.eval(work())
        return time.perf_counter() - began

    def deep(work: Work) -> float:
        began = time.perf_counter()
        mx.eval([work() for _ in range(DEEP)])
        return (time.perf_counter() - began) / DEEP

    for work in works.values():
        for _ in range(5):
            once(work)
        deep(work)
    with no_collections():
        waited = in_turn({n: partial(once, work) for n, work in works.items()}, rounds)
        among = in_turn(
            {n: partial(deep, work) for n, work in works.items()}, max(5, rounds // 10)
        )
    return {
        name: {
            "call_us": round(1e6 * statistics.median(waited[name]), 1),
            "one_more_us": round(1e6 * statistics.median(among[name]), 1),
        }
        for name in works
    }


def beside(
    make: Callable[[int, int, mx.Dtype], mx.array],
    batch_size: int,
    vocab_size: int,
    dtype: mx.Dtype,
    rounds: int,
) -> dict[str, Any]:
    """Return the times of kernels and rivals, and what the goals are about."""
    logits = make(batch_size, vocab_size, dtype)
    times: dict[str, Any] = timed(
        kernels(logits, Sizes(), [*TIMED]) | rivals(logits), rounds
    )
    ours = times["top_k_top_p"]["call_us"]
    times["chain_to_kernel"] = times["mlx_lm_top_k_top_p"]["call_us"] / ours
    times["kernel_to_argmax"] = ours / times["argmax"]["call_us"]
    return times


def as_graphs(batch_size: int, vocab_size: int, rounds: int) -> dict[str, Any]:
    """Return the times of draws that Python describes once, by `mx.compile`."""
    logits = zipf(batch_size, vocab_size, mx.bfloat16)
    sampler = SamplingKernels()
    works: dict[str, Work] = {}
    for name in ("top_k_top_p", "top_p", "greedy"):
        params, needs = drawn_with(TIMED[name], batch_size)
        draw = partial(sampler, needs=needs)
        graph = mx.compile(draw)
        works[name] = partial(draw, logits, params)
        works[f"{name} as a graph"] = partial(graph, logits, params)
    return timed(works, rounds)


def other_sizes(batch_size: int, vocab_size: int, rounds: int) -> dict[str, Any]:
    """Return the times of kernels in other sizes; of those that do not run, why."""
    logits = zipf(batch_size, vocab_size, mx.bfloat16)
    names = ["top_k_top_p", "top_p", "temperature"]
    works: dict[str, Work] = {}
    failed = {}
    for sizes in [Sizes(), *OTHER_SIZES]:
        shown = f"{sizes.split_size} by {sizes.threads}"
        try:
            made = kernels(logits, sizes, names)
            mx.eval([work() for work in made.values()])
        except Exception as error:  # a GPU may not have so many registers
            failed[shown] = str(error)[:2000]
        else:
            works |= {f"{shown} {name}": work for name, work in made.items()}
    return {**timed(works, rounds), "failed": failed}


def measure(report: Report, vocab_size: int, sizes: str, rounds: int) -> None:
    """Measure all parts."""
    report.part("device", 20, device)
    report.part("compiled", 120, lambda: compiled(vocab_size))
    for name, dtype in DTYPES.items():
        rows = batch(vocab_size, 1)
        report.part(f"right {name}", 60, partial(compared, rows, dtype, Sizes()))
    rows = batch(vocab_size, 2)
    slow = partial(compared, rows, mx.bfloat16, Sizes(), Needs.CHAINS)
    report.part("right by one threadgroup", 60, slow)
    for name, dtype in DTYPES.items():
        for size in BATCHES:
            work = partial(beside, zipf, size, vocab_size, dtype, rounds)
            report.part(f"{name} batch {size}", 60, work)
    for size in (1, 64):
        work = partial(beside, flat, size, vocab_size, mx.bfloat16, rounds)
        report.part(f"flat bfloat16 batch {size}", 60, work)
    report.part("frequencies top_k_top_p", 60, partial(frequencies, QWEN))
    report.part("frequencies top_p", 60, partial(frequencies, TIMED["top_p"]))
    report.part("decode", 200, partial(decode_steps, sizes, 1, QWEN))
    report.part("graphs", 60, lambda: as_graphs(1, vocab_size, rounds))
    for size in BATCHES:
        work = partial(other_sizes, size, vocab_size, rounds)
        report.part(f"sizes batch {size}", 150, work)


def device() -> dict[str, str]:
    """Return what this runs on."""
    return {
        "default": str(mx.default_device()),
        **{key: str(value) for key, value in mx.device_info().items()},
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=float, default=560)
    parser.add_argument("--vocab", type=int, default=VOCAB_SIZE)
    parser.add_argument("--sizes", default="8b")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--commit", default="")
    options = parser.parse_args()

    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    report = Report("sampling", out, options.limit, options.commit)
    measure(report, options.vocab, options.sizes, options.rounds)
    print(report.save())


if __name__ == "__main__":
    main()
