"""How long chunks of prompt take: sizes are tried at start-up, their seconds kept.

Powers of two, from MIN_CHUNK up, until one takes longer than is wanted: so a slow
machine is asked for little. What was not tried, as the sizes between them, is estimated
from what was.
"""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

log = logging.getLogger(__name__)

MIN_CHUNK = 32
"""Smaller ones cost much more a token: on CPU half of the speed is lost below it."""
MAX_CHUNK = 4096
"""Larger ones are no faster anywhere, and need memory for what they compute between."""

HOPELESS = 4
"""Times the target: what takes so long is not tried again."""

COSTLY_S = 0.4
"""Behind a chunk of so long, one of twice the tokens is not tried where it would take
longer than the target: it takes nearly twice as long, and start-up waits for it."""

Clock = Callable[[], float]
"""Seconds from some time on."""


class Rung(NamedTuple):
    """What a chunk takes on an empty cache."""

    num_tokens: int
    seconds: float


class ChunkLadder:
    """Seconds of chunks.

    Args:
        rungs: ascending, at least one.
    """

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self.rungs = [*rungs]

    def seconds(self, num_tokens: int) -> float:
        """Return what a chunk takes: between two rungs on the line between them.

        Below the first as that does, above the last in proportion.
        """
        first, last = self.rungs[0], self.rungs[-1]
        if num_tokens <= first.num_tokens:
            return first.seconds
        for low, high in itertools.pairwise(self.rungs):
            if num_tokens <= high.num_tokens:
                part = (num_tokens - low.num_tokens) / (
                    high.num_tokens - low.num_tokens
                )
                return low.seconds + part * (high.seconds - low.seconds)
        return last.seconds * num_tokens / last.num_tokens

    def largest_within(self, limit_s: float) -> int:
        """Return the largest size that takes no longer; MIN_CHUNK if none does."""
        within = (size for size in sizes() if self.seconds(size) <= limit_s)
        return max(within, default=MIN_CHUNK)

    def fastest_within(self, limit_s: float) -> int:
        """Return the size with the most tokens a second that takes no longer.

        Of equals the smallest; MIN_CHUNK if all take longer.
        """
        within = (size for size in sizes() if self.seconds(size) <= limit_s)
        return max(
            within, key=lambda size: size / self.seconds(size), default=MIN_CHUNK
        )


def sizes() -> Iterator[int]:
    """Return what a chunk may have, ascending: powers of two, and half as much again.

    With the former alone, a chunk may be half of what there is time for.
    """
    for size in powers():
        yield size
        if size < MAX_CHUNK:
            yield size * 3 // 2


def powers() -> Iterator[int]:
    """Return the sizes that are tried, ascending."""
    size = MIN_CHUNK
    while size <= MAX_CHUNK:
        yield size
        size *= 2


def measured_ladder(
    run: Callable[[int], object], target_s: float, clock: Clock, compiles: bool = False
) -> ChunkLadder:
    """Time chunks, up to the last that is likely to take no longer than the target.

    Args:
        run: computes a chunk of so many tokens, to its end.
        compiles: whether a size's first call compiles kernels for it, as on a GPU: 39 s
            of a chunk's first 39 s were that on an H200.
    """
    run(2)  # what the first call compiles is not a chunk's time
    rungs = []
    for size in powers():
        if compiles:
            run(size)
        seconds = _timed(run, size, clock)
        if target_s < seconds <= HOPELESS * target_s:  # perhaps something else ran
            seconds = min(seconds, _timed(run, size, clock))
        rungs.append(Rung(size, seconds))
        if seconds > target_s or (seconds > COSTLY_S and 1.8 * seconds > target_s):
            break
    ladder = ChunkLadder(rungs)
    chosen = ladder.largest_within(target_s)
    log.info(
        "prefill chunk: %d tokens take %.0f ms, the target is %.0f ms%s; tried: %s",
        chosen,
        1000 * ladder.seconds(chosen),
        1000 * target_s,
        "" if ladder.seconds(chosen) <= target_s else ", which no chunk here meets",
        ", ".join(f"{size} in {1000 * seconds:.0f} ms" for size, seconds in rungs),
    )
    return ladder


def _timed(run: Callable[[int], object], size: int, clock: Clock) -> float:
    began = clock()
    run(size)
    return clock() - began
