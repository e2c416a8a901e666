"""Values in, how many were in which range out: a histogram as Prometheus has it.

PERF: prometheus-client's own takes a lock and a method call for each bucket; this adds
to one number. bench/figures/bench_figures.py
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence


class Buckets:
    """Counts values by range. Of one event loop.

    Args:
        bounds: the largest value of each bucket, ascending; what is larger than the
            last has a bucket of its own.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0
        """Sum of all values."""

    def add(self, value: float) -> None:
        """Count one value, >= 0."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def add_zeros(self, count: int) -> None:
        """Count so many values of 0."""
        self._counts[0] += count

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Return for each bound how many values are at most that; last, infinity's."""
        count = 0
        bounds = (*self._bounds, float("inf"))
        for bound, inside in zip(bounds, self._counts, strict=True):
            count += inside
            yield bound, count
