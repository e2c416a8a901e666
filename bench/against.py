"""Two builds in one run: slices in turn, on CPU time, in several pairs of processes.

What a machine does from second to second falls on neighbouring slices alike, so that
the quotients of neighbours have little of it. What a process is given for its life
(where its memory lies, above all) falls on all of its slices: so there are ROUNDS pairs
of processes, each gives one quotient (the median over its slices), and these are the
values whose interval says whether there is a change.
"""

import statistics
from collections.abc import Callable
from pathlib import Path

from .builds import Build, Worker
from .case import Case
from .outcome import Outcome
from .spread import ratios, spread

ROUNDS = 10
"""Pairs of processes. The 95 % interval of ten is from the second to the ninth."""
PAIRS = 16
"""Of slices, in each pair of processes."""
SLICE_S = 0.005


def compare_builds(
    new: Build,
    old: Build,
    cases: list[Case],
    folder: Path,
    rounds: int = ROUNDS,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[list[Outcome], dict[str, dict[str, str]]]:
    """Return outcomes whose ratio is new / old, and each build's native modules.

    Raises:
        WorkerError: a process ended or did not begin.
    """
    seconds: dict[str, tuple[list[float], list[float]]] = {}
    quotients: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    modules: dict[str, dict[str, str]] = {}
    for turn in range(rounds):
        tell(f"processes {turn + 1} of {rounds}")
        builds = (new, old) if turn % 2 == 0 else (old, new)
        first, second = (Worker(build, folder, turn) for build in builds)
        workers = (first, second) if turn % 2 == 0 else (second, first)
        modules = {
            side: worker.modules
            for side, worker in zip(("new", "old"), workers, strict=True)
        }
        try:
            for case in cases:
                loops = [worker.prepare(case.name, SLICE_S) for worker in workers]
                if not all(loops):
                    missing[case.name] = "not in both builds"
                    continue
                times = slices_in_turn(workers, loops[0], PAIRS)
                medians = [statistics.median(each) for each in times]
                ours, theirs = seconds.setdefault(case.name, ([], []))
                ours.append(medians[0])
                theirs.append(medians[1])
                quotients.setdefault(case.name, []).append(
                    statistics.median(ratios(*times))
                )
        finally:
            for worker in workers:
                worker.close()
    outcomes = [
        Outcome(
            case.name,
            spreads={
                f"new ({new.name})": spread(seconds[case.name][0]),
                f"old ({old.name})": spread(seconds[case.name][1]),
            },
            ratio=spread(quotients[case.name]),
        )
        if case.name in quotients
        else Outcome(case.name, skipped=missing[case.name])
        for case in cases
    ]
    return outcomes, modules


def slices_in_turn(
    workers: tuple[Worker, Worker], loops: int, pairs: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of a call, pair by pair; who goes first alternates."""
    times: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            times[side].append(workers[side].seconds(loops))
    return times
