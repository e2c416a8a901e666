"""Nanoseconds that a token's figures cost.

That is one clock reading and a few additions. 8 streams of 200 tokens/s leave 625 us to
a token, so that 1 % of a fast machine's time is 6000 ns. The baseline is the same with
prometheus-client's own counter and histogram. Each figure is the least of `--turns`.
Prints a table and, last, one line of JSON.

    python -m pensieve.bench.figures.bench_figures [--tokens 200000] [--turns 7]
"""

import argparse
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import Totals

from ..record import record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--turns", type=int, default=7)
    arguments = parser.parse_args()

    figures = {
        name: round(per_call_ns(make(), arguments.tokens, arguments.turns), 1)
        for name, make in MAKERS.items()
    }
    for name, value in figures.items():
        print(f"{name:24}{value:10.1f}")
    print(record("figures", dict(figures)))


def token() -> Callable[[], None]:
    """Return what is done for a token."""
    request = RequestFigures(Totals())
    request.submitted()
    request.admitted(1000, 0)
    return lambda: request.sampled(1)


def prometheus_token() -> Callable[[], None]:
    """Return the same with prometheus-client's own metrics."""
    registry = CollectorRegistry()
    sampled = Counter("sampled_tokens", "Tokens.", registry=registry)
    gaps = Histogram("gap_seconds", "Gaps.", registry=registry)
    last = time.monotonic()

    def told() -> None:
        nonlocal last
        now = time.monotonic()
        gaps.observe(now - last)
        sampled.inc()
        last = now

    return told


def per_call_ns(call: Callable[[], None], times: int, turns: int) -> float:
    """Return the least time of a call over some turns, in nanoseconds."""
    best = float("inf")
    for _ in range(turns):
        begun = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, time.perf_counter() - begun)
    return best / times * 1e9


MAKERS: dict[str, Callable[[], Callable[[], None]]] = {
    "nothing_ns": lambda: lambda: None,
    "token_ns": token,
    "prometheus_client_ns": prometheus_token,
}


if __name__ == "__main__":
    main()
