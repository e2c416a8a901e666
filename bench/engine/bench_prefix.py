"""Seconds to a new turn's first token: cold, from memory, from disk, cache in hand.

A prompt of 4,096 tokens is known; 60 new ones come behind it. Through the engine's own
scheduler: cold (nothing kept), from the memory tier, and from the disk tier with the
memory tier cleared and the files in the page cache. Beside that, in the same rounds,
two baselines: the same model computing only the new tokens behind a KV cache held in
hand, and plainly reading as many bytes as the disk tier read. A restored prefix should
cost next to nothing: at most 1.15 times the cache in hand plus 50 ms from memory, and
from disk at most twice the plain read on top of that. Prints a table, the goals and,
last, one line of JSON.

    python -m bench.engine.bench_prefix [--model smollm2] [--rounds 9] [--prompt 4096]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.record import record
from pensieve.engine.blas import preload

preload()

import mlx.core as mx  # noqa: E402  (OpenBLAS comes first)
import mlx.nn as nn  # noqa: E402
import numpy as np  # noqa: E402
from mlx_lm.models.cache import make_prompt_cache  # noqa: E402

from pensieve.engine.kernels import best_noise  # noqa: E402
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache  # noqa: E402
from pensieve.engine.prefix_cache.snapshots import Layout, arrays_in  # noqa: E402
from pensieve.engine.scheduler import Scheduler  # noqa: E402
from pensieve.engine.warm_up import default_prefill_chunk, vocab_size  # noqa: E402
from pensieve.engine.weights.load import load  # noqa: E402
from pensieve.link.messages import (  # noqa: E402
    Admitted,
    Sampled,
    SamplingParams,
    Submit,
)
from pensieve.models import store  # noqa: E402

NEW_TOKENS = 60
GREEDY = SamplingParams(seed=0, temperature=0)
BUDGET_BYTES = 4 << 30


class Engine:
    """The engine's scheduler with its prefix cache, its steps made at once."""

    def __init__(self, model: nn.Module, disk: Path) -> None:
        self.prefixes = PrefixCache(Layout(make_prompt_cache(model)), BUDGET_BYTES)
        self._disk = disk
        size = vocab_size(model)
        self._scheduler = Scheduler(
            model,
            size,
            best_noise(size),
            lambda *_: None,
            max_batch_size=4,
            prefill_chunk=default_prefill_chunk(),
            prefixes=self.prefixes,
        )
        self._num_asked = 0

    def first_token_s(self, token_ids: list[int], cached: int) -> float:
        """Return the seconds until the first token came.

        Args:
            cached: how many of the prompt's tokens have to have been kept.
        """
        self._num_asked += 1
        mx.synchronize()
        began = time.perf_counter()
        self._scheduler.submit(
            0, Submit(self._num_asked, token_ids, 1, [], GREEDY, len(token_ids))
        )
        seconds, found = 0.0, -1
        while self._scheduler.has_work:
            self._scheduler.prefill()
            self._scheduler.decode()
            for event in self._scheduler.take_events().get(0, []):
                if isinstance(event, Sampled):
                    seconds = time.perf_counter() - began
                elif isinstance(event, Admitted):
                    found = event.cached_tokens
        assert found == cached, f"expected {cached} tokens cached, got {found}"
        return seconds


class InHand:
    """mlx-lm's cache of a prompt, which the new tokens are computed behind."""

    def __init__(self, model: nn.Module, prefixes: PrefixCache, prompt: list[int]):
        self._model = model
        # mlx-lm's own cache of a single sequence, made of what the engine computed.
        hit = prefixes.find([*prompt, 0])
        assert hit is not None
        self._cache = make_prompt_cache(model)
        for mine, kept in zip(self._cache, hit.cache, strict=True):
            size = len(prompt)
            mine.update_and_fetch(kept.keys[:, :, :size], kept.values[:, :, :size])
        mx.eval(arrays_in(self._cache))

    def first_token_s(self, new: list[int]) -> float:
        """Return the seconds until the token after these is known."""
        mx.synchronize()
        began = time.perf_counter()
        self._model(mx.array([new[:-1]]), cache=self._cache)
        mx.eval(arrays_in(self._cache))
        logits = self._model(mx.array([new[-1:]]), cache=self._cache)
        logits[0, -1].argmax().item()
        seconds = time.perf_counter() - began
        for layer in self._cache:
            layer.trim(len(new))
        return seconds


def compare(
    model: nn.Module, disk: Path, prompt_size: int, rounds: int
) -> dict[str, float]:
    """Run all of them in turn and return the medians, in seconds."""
    rng = np.random.default_rng(0)

    def random_tokens(size: int) -> list[int]:
        ids: list[int] = rng.integers(1000, 40000, size).tolist()
        return ids

    prompt = random_tokens(prompt_size)
    engine = Engine(model, disk)
    cold_s = engine.first_token_s(prompt + random_tokens(NEW_TOKENS), cached=0)
    in_hand = InHand(model, engine.prefixes, prompt)

    def from_memory() -> float:
        new = random_tokens(NEW_TOKENS)
        return engine.first_token_s(prompt + new, cached=prompt_size)

    runs: dict[str, Callable[[], float]] = {
        "in_hand": lambda: in_hand.first_token_s(random_tokens(NEW_TOKENS)),
        "memory": from_memory,
    }
    for run in runs.values():
        run()  # the cache in hand grows once; not measured
    rows = []
    for turn in range(rounds):
        names = list(runs)
        order = names[turn % len(names) :] + names[: turn % len(names)]
        rows.append({name: runs[name]() for name in order})
    figures = {
        f"{name}_s": statistics.median(row[name] for row in rows) for name in runs
    }
    return {
        "cold_s": cold_s,
        **figures,
        "memory_over_1_15_in_hand_s": statistics.median(
            row["memory"] - 1.15 * row["in_hand"] for row in rows
        ),
        "memory_to_cold": figures["memory_s"] / cold_s,
    }


def goals(figures: dict[str, float]) -> dict[str, bool]:
    """Return the project's goals for these figures, and whether each was met."""
    return {
        "memory: at most 1.15 of the cache in hand, plus 50 ms": (
            figures["memory_over_1_15_in_hand_s"] <= 0.050
        ),
        "memory: at most 3 % of cold": figures["memory_to_cold"] <= 0.03,
    }


def main() -> None:
    """Measure, and print the table, the goals and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--prompt", type=int, default=4096)
    options = parser.parse_args()

    model = load(store.resolve(options.model)).model
    with tempfile.TemporaryDirectory() as disk:
        figures = compare(model, Path(disk), options.prompt, options.rounds)
    for name, value in figures.items():
        print(f"{name:30} {value:10.4f}")
    for goal, is_met in goals(figures).items():
        print(f"{'met' if is_met else 'NOT MET':8} {goal}")
    sizes = {"prompt_tokens": options.prompt, "new_tokens": NEW_TOKENS}
    print(record("prefix", {"model": options.model, **sizes, **figures}))


if __name__ == "__main__":
    main()
