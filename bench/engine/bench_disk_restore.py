r"""How much longer a restore from disk takes than a plain read of the same bytes.

Random keys and values in the form of SmolLM2's (or what the flags say) are written to
a folder of their own. Then pairs: a plain read of the files, whole, into fresh memory,
and a restore, checksums included, into arrays that a sequence goes on with. All from
the page cache. The ratio is the median over the pairs, whose order alternates; the goal
is at most 2. Prints a table and, last, one line of JSON.

    python -m pensieve.bench.engine.bench_disk_restore \
        [--tokens 4096] [--pairs 15] [--bits 8]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pensieve.engine.blas import preload

from ..record import record

preload()

import mlx.core as mx  # noqa: E402  (OpenBLAS comes first)
import numpy as np  # noqa: E402
from mlx_lm.models.cache import KVCache  # noqa: E402

from pensieve import cache_folder  # noqa: E402
from pensieve.engine.prefix_cache.disk.forms import KVForm  # noqa: E402
from pensieve.engine.prefix_cache.disk.jobs import Piece  # noqa: E402
from pensieve.engine.prefix_cache.disk.keys import KeyMaker  # noqa: E402
from pensieve.engine.prefix_cache.disk.tier import DiskTier, Plan  # noqa: E402
from pensieve.engine.prefix_cache.prefix_cache import ROOM  # noqa: E402

GOAL = 2.0
FLUSH_S = 600.0


def used_cache(options: argparse.Namespace) -> list[KVCache]:
    """Return a model's caches, of one token."""
    cache = [KVCache() for _ in range(options.layers)]
    shape = (1, options.heads, 1, options.width)
    for layer in cache:
        layer.update_and_fetch(*[mx.zeros(shape, dtype(options))] * 2)
    return cache


def dtype(options: argparse.Namespace) -> mx.Dtype:
    """Return the type of keys and values."""
    chosen: mx.Dtype = getattr(mx, options.dtype)
    return chosen


def written(root: Path, options: argparse.Namespace) -> tuple[DiskTier, Plan]:
    """Write a sequence; return the tier and how it is restored."""
    used = used_cache(options)
    tier = DiskTier(
        root,
        root / "model",
        KeyMaker(b"secret", b""),
        [KVCache() for _ in used],
        KVForm.of_cache(used, options.bits),
        b"bench",
        has_states=False,
        budget_bytes=1 << 40,
        queue_bytes=1 << 40,
    )
    shape = (1, options.heads, options.tokens, options.width)
    layers = [
        [mx.random.normal(shape).astype(dtype(options)) for _ in range(2)]
        for _ in range(options.layers)
    ]
    mx.eval(layers)
    token_ids = np.arange(options.tokens, dtype=np.int32)
    tier.save(token_ids, [Piece(0, layers)], None, 0)
    assert tier.flush(FLUSH_S)
    plan = tier.plan(token_ids, options.tokens)
    assert plan is not None
    assert plan.size == options.tokens
    return tier, plan


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes; what it returns is let go of afterwards."""
    began = time.perf_counter()
    result = work()
    took = time.perf_counter() - began
    del result
    mx.clear_cache()
    return took


def plain_read(paths: list[Path]) -> list[memoryview]:
    """Read files whole, each into memory of its own that nobody has touched."""
    views = []
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            view = memoryview(np.empty(size, np.uint8).data)
            assert file.readinto(view) == len(view)
            views.append(view)
    return views


def main() -> None:
    """Measure, and print the table, the goal and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("tokens", 4096),
        ("layers", 30),
        ("heads", 3),
        ("width", 64),
        ("pairs", 15),
        ("bits", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        tier, plan = written(Path(folder), options)
        paths = [entry.path for entry in cache_folder.entries(Path(folder))]
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        plain: list[float] = []
        restored: list[float] = []
        for pair in range(options.pairs + 1):
            works = [
                (plain, lambda: plain_read(paths)),
                (restored, lambda: tier.restore(plan, options.tokens + ROOM)),
            ]
            for times, work in works if pair % 2 else works[::-1]:
                times.append(seconds(work))
        del plain[0], restored[0]  # pages of the process itself come in
    ratio = statistics.median(r / p for r, p in zip(restored, plain, strict=True))
    figures = {
        "megabytes": megabytes,
        "num_files": len(paths),
        "plain_ms": statistics.median(plain) * 1000,
        "restore_ms": statistics.median(restored) * 1000,
        "ratio": ratio,
        "restore_gb_per_s": megabytes / 1000 / statistics.median(restored),
    }
    for name, value in figures.items():
        print(f"{name:20} {value:10.3f}")
    print(f"{'met' if ratio <= GOAL else 'NOT MET'} at most {GOAL} times a plain read")
    print(record("disk_restore", vars(options) | figures))


if __name__ == "__main__":
    main()
