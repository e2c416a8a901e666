"""How much of a prompt is computed at a time: others wait no longer than is wanted.

A chunk takes what the ladder of start-up says, times how much slower chunks have lately
been at that length of context: attention grows with it. While others wait, a chunk is
the largest that keeps to the target together with what is done between two chunks, a
decode step; while nobody does, the fastest that can still be cancelled soon.
"""

import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from pensieve.engine.scheduling.chunk_ladder import MIN_CHUNK, ChunkLadder, Clock

ALONE_S = 1.0
"""What a chunk may take when nobody waits: then it is who cancels, or comes."""
REST = 8
"""A rest of at most one part in so many of a chunk is computed with it: it would be a
chunk of its own, and have everybody decode once more."""


class PrefillPace(Protocol):
    """Chooses the sizes of chunks."""

    def chunk(self, context_size: int, is_alone: bool) -> int:
        """Return how many tokens to compute at most, >= 1.

        Args:
            context_size: tokens that are there already.
            is_alone: whether nobody waits for the chunk's end.
        """

    def portion(self, context_size: int, remaining: int, is_alone: bool) -> int:
        """Return how many of a prompt's remaining tokens, >= 1, to compute now."""

    def largest_portion(self) -> int:
        """Return the most tokens that are computed at once, as far as is known now."""

    def timing(
        self, context_size: int, num_tokens: int
    ) -> AbstractContextManager[None]:
        """Return a context in which a chunk of so many tokens is computed."""


class FixedPace:
    """One size, whatever it takes."""

    def __init__(self, num_tokens: int) -> None:
        self._num_tokens = num_tokens

    def chunk(self, context_size: int, is_alone: bool) -> int:
        """Return the size."""
        return self._num_tokens

    def portion(self, context_size: int, remaining: int, is_alone: bool) -> int:
        """Return that, or what is left."""
        return min(remaining, self._num_tokens)

    def largest_portion(self) -> int:
        """Return the size."""
        return self._num_tokens

    def timing(
        self, context_size: int, num_tokens: int
    ) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return contextlib.nullcontext()


class MeasuredPace:
    """Sizes by the times that chunks take.

    Args:
        target_s: from one decode step to the next while others wait.
    """

    def __init__(
        self, ladder: ChunkLadder, target_s: float, clock: Clock = time.perf_counter
    ) -> None:
        self._ladder = ladder
        self._target_s = target_s
        self._clock = clock
        self._slowdowns: dict[int, float] = {}
        """By context size, its bits: how many times as long as the ladder says the
        last chunk took."""
        self._between_s = 0.0
        """From the last chunk but one to the last."""
        self._ended: float | None = None

    def chunk(self, context_size: int, is_alone: bool) -> int:
        """Return the size that is best now."""
        slowdown = self._slowdown(context_size)
        if is_alone:
            return self._ladder.fastest_within(max(ALONE_S, self._target_s) / slowdown)
        between_s = min(self._between_s, self._target_s / 2)
        return self._ladder.largest_within((self._target_s - between_s) / slowdown)

    def portion(self, context_size: int, remaining: int, is_alone: bool) -> int:
        """Return a chunk, or all that is left if that is hardly more."""
        size = self.chunk(context_size, is_alone)
        return remaining if remaining <= with_rest(size) else size

    def largest_portion(self) -> int:
        """Return a chunk on an empty cache, and the rest that is computed with it."""
        return with_rest(self.chunk(0, is_alone=True))

    @contextlib.contextmanager
    def timing(self, context_size: int, num_tokens: int) -> Iterator[None]:
        """Take the time of a chunk, and learn from it."""
        began = self._clock()
        if self._ended is not None and began - self._ended < self._target_s:  # not idle
            self._between_s = began - self._ended
        yield
        self._ended = self._clock()
        seconds = self._ended - began
        if num_tokens >= MIN_CHUNK:  # what takes less is mostly other things
            expected = self._ladder.seconds(num_tokens)
            self._slowdowns[context_size.bit_length()] = seconds / expected

    def _slowdown(self, context_size: int) -> float:
        """Return that of the nearest context that is no longer; 1 where none is."""
        known = [bits for bits in self._slowdowns if bits <= context_size.bit_length()]
        return self._slowdowns[max(known)] if known else 1.0


def with_rest(size: int) -> int:
    """Return the most tokens that are computed where a chunk has that size."""
    return size + size // REST
