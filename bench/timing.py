"""Times functions in turn: warmed up, in slices, in an order that rotates."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from .case import Work

Clock = Callable[[], float]
"""Seconds from some moment on."""

CPU: Clock = time.process_time
WALL: Clock = time.perf_counter

SLICE_S = 0.01
"""What a slice takes: much more than reading the clock, little enough that neighbours
in time have the same machine."""

_MAX_LOOPS = 1 << 24


def loops_for(work: Work, clock: Clock, slice_s: float = SLICE_S) -> int:
    """Return how many calls take a slice's time. This warms up, too."""
    loops = 1
    work()
    while True:
        took = seconds(work, loops, clock) * loops
        if took >= slice_s or loops >= _MAX_LOOPS:
            return loops
        # At most tenfold: first calls are slow, and a clock may have coarse ticks.
        wanted = loops * slice_s / took if took > 0 else 10 * loops
        loops = max(loops + 1, min(10 * loops, int(wanted * 1.1)))


def seconds(work: Work, loops: int, clock: Clock) -> float:
    """Return the seconds of a call, the mean of a slice of so many."""
    repeats = range(loops)
    began = clock()
    for _ in repeats:
        work()
    return (clock() - began) / loops


def in_turn(
    runs: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Run all of them in each round, and return what they return, round by round.

    Who begins rotates, so that none always has the same neighbour's noise.
    """
    names = list(runs)
    values: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            values[name].append(runs[name]())
    return values


def timed_in_turn(
    works: Mapping[str, Work], rounds: int, clock: Clock, slice_s: float = SLICE_S
) -> dict[str, list[float]]:
    """Return the seconds of a call of each, round by round."""

    def slices(work: Work) -> Callable[[], float]:
        loops = loops_for(work, clock, slice_s)
        return lambda: seconds(work, loops, clock)

    with no_collections():
        return in_turn({name: slices(work) for name, work in works.items()}, rounds)


@contextmanager
def no_collections() -> Iterator[None]:
    """Keep the garbage collector from falling into one slice and not another."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
