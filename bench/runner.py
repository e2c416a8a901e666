"""Runs cases in this process: the subject and its baselines, in turn."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .case import Case, MissingError
from .outcome import Outcome, outcome
from .timing import SLICE_S, Clock, timed_in_turn


def run_cases(
    cases: Iterable[Case],
    folder: Path,
    rounds: int,
    clock: Clock,
    slice_s: float = SLICE_S,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Yield each case's outcome; one that lacks something says so and is passed over.

    Args:
        folder: for files that cases make and use.
        tell: called with each case's name as it begins.
    """
    for case in cases:
        tell(case.name)
        try:
            contest = case.make(folder)
        except MissingError as missing:
            yield Outcome(case.name, skipped=str(missing))
            continue
        works = {case.subject: contest.subject, **contest.baselines}
        yield outcome(
            case.name,
            timed_in_turn(works, rounds, clock, slice_s),
            num_bytes=contest.num_bytes,
            skipped="; ".join(f"{n}: {why}" for n, why in contest.others.items()),
        )
