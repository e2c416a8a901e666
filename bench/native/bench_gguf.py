"""Opening a GGUF file, against gguf-py's GGUFReader, which makes an object of each.

Four things are timed, ours and theirs in turn, files warm in the page cache:

* header: metadata and tensor table, with every bound checked; no array is converted
* description: what `models.files.describe` reads, the server's first step
* lists: header, and tokens, token types and merges as Python lists
* server: the description, then the vocabulary as the tokenizer takes it

Theirs is in all four GGUFReader, which reads everything, and `contents()` of the same
fields. The goal is a ratio of 300. Prints a table and, last, one line of JSON.

    python -m pensieve.bench.native.bench_gguf [--model PATH] [--rounds 7]
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pensieve._native.gguf import GgufFile
from pensieve.models import store
from pensieve.models.gguf import describe_gguf, vocabulary

from ..record import record

GOAL = 300
OURS_A_ROUND = 15
"""Ours takes so little that one reading says nothing; the median of these counts."""

ARRAYS = [f"tokenizer.ggml.{name}" for name in ("tokens", "token_type", "merges")]


class Seconds(NamedTuple):
    """What one thing took."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="else SmolLM2, which is pulled")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    path = arguments.model or store.resolve("smollm2")

    figures: dict[str, object] = {"file_bytes": path.stat().st_size}
    print(f"{'ms, median':14}{'ours':>9}{'gguf-py':>10}{'ratio':>8}{'of CPU':>8}")
    for name, (ours, theirs) in PAIRS.items():
        rounds = [in_turn(ours, theirs, path) for _ in range(arguments.rounds)]
        figures[name] = row = summary(rounds)
        print(
            f"{name:14}{row['ours_ms']:9.2f}{row['theirs_ms']:10.0f}"
            f"{row['ratio']:8.0f}{row['cpu_ratio']:8.0f}"
            f"{'' if row['ratio'] >= GOAL else f'   below {GOAL}'}"
        )
    print(record("gguf", figures))


def in_turn(
    ours: Callable[[Path], object], theirs: Callable[[Path], object], path: Path
) -> tuple[Seconds, Seconds]:
    """Time both once, ours by the median of some."""
    times = [timed(ours, path) for _ in range(OURS_A_ROUND)]
    median = Seconds(*map(statistics.median, zip(*times, strict=True)))
    return median, timed(theirs, path)


def timed(read: Callable[[Path], object], path: Path) -> Seconds:
    """Return what reading takes; throwing away what was read is not in it."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    kept = read(path)
    seconds = Seconds(time.perf_counter() - wall, time.process_time() - cpu)
    del kept
    return seconds


def summary(rounds: list[tuple[Seconds, Seconds]]) -> dict[str, float]:
    """Return medians, those of the ratios among them."""
    median = statistics.median
    return {
        "ours_ms": round(1000 * median(ours.wall for ours, _ in rounds), 3),
        "theirs_ms": round(1000 * median(theirs.wall for _, theirs in rounds), 1),
        "ratio": round(median(theirs.wall / ours.wall for ours, theirs in rounds), 1),
        "cpu_ratio": round(median(theirs.cpu / ours.cpu for ours, theirs in rounds), 1),
    }


# ----- Ours -----


def our_header(path: Path) -> object:
    """Read all but the arrays."""
    file = GgufFile(path)
    return [file[key] for key in file if file.array(key) is None], file.tensors


def our_lists(path: Path) -> object:
    """Read the header and make the lists."""
    file = GgufFile(path)
    return [file[key] for key in ARRAYS], file.tensors


def our_server(path: Path) -> object:
    """Read what the server reads."""
    return describe_gguf(path), vocabulary(path)


# ----- gguf-py's -----


def their_header(path: Path) -> object:
    """Read all, and take the single values."""
    import gguf

    reader = gguf.GGUFReader(path)
    array = gguf.GGUFValueType.ARRAY
    single = [each for each in reader.fields.values() if each.types[0] != array]
    return [field.contents() for field in single], reader.tensors


def their_lists(path: Path) -> object:
    """Read all, and make the lists."""
    import gguf

    reader = gguf.GGUFReader(path)
    return [reader.fields[key].contents() for key in ARRAYS], reader.tensors


PAIRS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "header": (our_header, their_header),
    "description": (describe_gguf, their_header),
    "lists": (our_lists, their_lists),
    "server": (our_server, their_lists),
}


if __name__ == "__main__":
    main()
