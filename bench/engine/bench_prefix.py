r"""Seconds to a new turn's first token: cold, from memory, from disk, cache in hand.

A prompt of 4,096 tokens is known; 60 new ones come behind it. Through the engine's own
scheduler: cold (nothing kept), from the memory tier, and from the disk tier with the
memory tier cleared and the files in the page cache. Beside that, in the same rounds,
two baselines: the same model computing only the new tokens behind a KV cache held in
hand, and plainly reading the files that the disk tier read. A restored prefix should
cost next to nothing: at most 1.15 times the cache in hand plus 50 ms from memory, and
from disk at most twice the plain read on top of that. `restore` is the disk tier's part
by itself. Prints medians, the goals and, last, one line of JSON.

    python -m pensieve.bench.engine.bench_prefix \
        [--model smollm2] [--rounds 9] [--prompt 4096]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from pensieve.engine.blas import preload

from ..record import record

preload()

import mlx.core as mx  # noqa: E402  (OpenBLAS comes first)
import mlx.nn as nn  # noqa: E402
import numpy as np  # noqa: E402
from mlx_lm.models.cache import make_prompt_cache  # noqa: E402

from pensieve.engine.prefix_cache.disk.opening import open_tier  # noqa: E402
from pensieve.engine.prefix_cache.disk.tier import Plan  # noqa: E402
from pensieve.engine.prefix_cache.prefix_cache import ROOM, PrefixCache  # noqa: E402
from pensieve.engine.prefix_cache.restorer import RestoredSequence, Restorer  # noqa: E402
from pensieve.engine.prefix_cache.runs import as_array  # noqa: E402
from pensieve.engine.prefix_cache.snapshots import Layout, arrays_in  # noqa: E402
from pensieve.engine.sampling.best_sampler import best_sampler  # noqa: E402
from pensieve.engine.scheduling.scheduler import Scheduler  # noqa: E402
from pensieve.engine.warm_up import (  # noqa: E402
    logits_form,
    prefill_pace,
    vocab_size,
)
from pensieve.engine.weights.load import load  # noqa: E402
from pensieve.link.messages import (  # noqa: E402
    Admitted,
    EngineSpec,
    Finished,
    PrefixDisk,
    Sampled,
    SamplingParams,
    Submit,
)
from pensieve.models import store  # noqa: E402

NEW_TOKENS = 60
GREEDY = SamplingParams(seed=0, temperature=0)
BUDGET_BYTES = 4 << 30
AS_SHIPPED = EngineSpec("", "", "", 4, prefill_chunk=0)
"""Of its fields only those of the prefill are read."""
FLUSH_S = 60.0


class Engine:
    """The engine's scheduler with both tiers of its cache, its steps made at once.

    Args:
        path: the model's.
        folder: of the disk tier.
    """

    def __init__(self, model: nn.Module, path: Path, folder: Path) -> None:
        layout = Layout(make_prompt_cache(model))
        self.prefixes = PrefixCache(layout, BUDGET_BYTES)
        used = make_prompt_cache(model)
        mx.eval(model(mx.zeros((1, 1), mx.uint32), cache=used))
        disk = PrefixDisk(str(folder), "", BUDGET_BYTES)
        tier = open_tier(disk, path, layout, used, BUDGET_BYTES)
        assert tier is not None
        self.prefixes.disk = self.disk = tier
        self._restored: SimpleQueue[RestoredSequence] = SimpleQueue()
        restorer = Restorer(self._restored.put)
        restorer.start()
        size = vocab_size(model)
        self._scheduler = Scheduler(
            model,
            size,
            best_sampler(*logits_form(model)).sampler,
            lambda *_: None,
            max_batch_size=4,
            prefill_chunk=prefill_pace(model, AS_SHIPPED, size),
            prefixes=self.prefixes,
            restore=restorer.restore,
        )
        self._num_asked = 0

    def first_token_s(self, token_ids: list[int], cached: int) -> float:
        """Return the seconds until the first token came.

        Args:
            cached: how many of the prompt's tokens have to have been kept.
        """
        self._num_asked += 1
        assert self.disk.flush(FLUSH_S)
        mx.synchronize()
        began = time.perf_counter()
        # Two tokens: what is done when a sequence ends is not in the way of the first.
        self._scheduler.submit(
            0, Submit(self._num_asked, token_ids, 2, [], GREEDY, len(token_ids))
        )
        seconds, found, is_running = 0.0, -1, True
        while is_running:
            self._scheduler.prefill()
            self._scheduler.decode()
            for event in self._scheduler.take_events().get(0, []):
                if isinstance(event, Sampled):
                    seconds = seconds or time.perf_counter() - began
                elif isinstance(event, Admitted):
                    found = event.cached_tokens
                is_running = is_running and not isinstance(event, Finished)
            if is_running and not self._scheduler.has_work:
                self._scheduler.take_restored(self._restored.get())
        assert found == cached, f"expected {cached} tokens cached, got {found}"
        return seconds

    def restore_s(self, token_ids: list[int]) -> float:
        """Return the seconds in which the disk tier reads a prompt's start."""
        plan = self._plan(token_ids)
        began = time.perf_counter()
        restored = self.disk.restore(plan, len(token_ids) + ROOM)
        seconds = time.perf_counter() - began
        assert restored is not None
        return seconds

    def plain_read_s(self, token_ids: list[int]) -> float:
        """Return the seconds in which the same files are read, and no more."""
        paths = [step.file.path for step in self._plan(token_ids).steps]
        began = time.perf_counter()
        for path in paths:
            path.read_bytes()
        return time.perf_counter() - began

    def read_bytes(self, token_ids: list[int]) -> int:
        """Return the sizes of these files together."""
        return sum(step.file.nbytes for step in self._plan(token_ids).steps)

    def _plan(self, token_ids: list[int]) -> Plan:
        assert self.disk.flush(FLUSH_S)
        plan = self.disk.plan(as_array(token_ids), len(token_ids) - 1)
        assert plan is not None
        return plan


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
    model: nn.Module, path: Path, folder: Path, prompt_size: int, rounds: int
) -> dict[str, float]:
    """Run all of them in turn and return the medians, in seconds."""
    rng = np.random.default_rng(0)

    def random_tokens(size: int) -> list[int]:
        ids: list[int] = rng.integers(1000, 40000, size).tolist()
        return ids

    prompt = random_tokens(prompt_size)
    engine = Engine(model, path, folder)
    cold_s = engine.first_token_s(prompt + random_tokens(NEW_TOKENS), cached=0)
    in_hand = InHand(model, engine.prefixes, prompt)

    def from_memory() -> float:
        new = random_tokens(NEW_TOKENS)
        return engine.first_token_s(prompt + new, cached=prompt_size)

    def from_disk() -> float:
        engine.prefixes.clear()
        return from_memory()

    runs: dict[str, Callable[[], float]] = {
        "in_hand": lambda: in_hand.first_token_s(random_tokens(NEW_TOKENS)),
        "memory": from_memory,
        "disk": from_disk,
        "plain_read": lambda: engine.plain_read_s([*prompt, 0]),
        "restore": lambda: engine.restore_s([*prompt, 0]),
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
        "disk_over_1_15_in_hand_and_two_reads_s": statistics.median(
            row["disk"] - 1.15 * row["in_hand"] - 2 * row["plain_read"] for row in rows
        ),
        "restore_to_plain_read": statistics.median(
            row["restore"] / row["plain_read"] for row in rows
        ),
        "memory_to_cold": figures["memory_s"] / cold_s,
        "disk_to_cold": figures["disk_s"] / cold_s,
        "read_mb": engine.read_bytes([*prompt, 0]) / 1e6,
    }


def goals(figures: dict[str, float]) -> dict[str, bool]:
    """Return the project's goals for these figures, and whether each was met."""
    return {
        "memory: at most 1.15 of the cache in hand, plus 50 ms": (
            figures["memory_over_1_15_in_hand_s"] <= 0.050
        ),
        "disk: at most that, and twice the plain read": (
            figures["disk_over_1_15_in_hand_and_two_reads_s"] <= 0.050
        ),
        "memory: at most 3 % of cold": figures["memory_to_cold"] <= 0.03,
        "disk: at most 3 % of cold": figures["disk_to_cold"] <= 0.03,
    }


def main() -> None:
    """Measure, and print the table, the goals and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--prompt", type=int, default=4096)
    options = parser.parse_args()

    path = store.resolve(options.model)
    model = load(path).model
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(model, path, Path(folder), options.prompt, options.rounds)
    for name, value in figures.items():
        print(f"{name:40} {value:10.4f}")
    for goal, is_met in goals(figures).items():
        print(f"{'met' if is_met else 'NOT MET':8} {goal}")
    sizes = {"prompt_tokens": options.prompt, "new_tokens": NEW_TOKENS}
    print(record("prefix", {"model": options.model, **sizes, **figures}))


if __name__ == "__main__":
    main()
