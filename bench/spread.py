"""The middle of timings, how far they spread, and when a change is more than noise.

Timings have long tails to one side, so nothing here takes their mean. The middle is the
median. Its interval is the distribution-free one of order statistics (David and
Nagaraja, "Order Statistics", section 7.1): of n values, the k-th smallest and the k-th
largest enclose the median of what they were drawn from with probability
1 - 2 P(Binomial(n, 1/2) < k), whatever their distribution. MAD is the median distance
from the median.
"""

import math
import statistics
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

CONFIDENCE = 0.95
MIN_VALUES = 6
"""Of fewer there is no interval with that confidence."""
FLOOR = 0.03
"""Changes within it are never reported: it is what a build's layout in memory makes."""

NOISE_RULE = (
    "A change counts as one only where it is outside the noise of both sides: the 95 % "
    "interval of (new / old), made of the medians' order statistics, lies as a whole "
    f"beyond {FLOOR:.0%}. Of fewer than {MIN_VALUES} values nothing is said."
)


class Spread(NamedTuple):
    """Some values of one kind, in short."""

    median: float
    mad: float
    low: float
    """Of the median's interval."""
    high: float
    num_values: int


class Verdict(Enum):
    """What an interval says of a change."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "within noise"
    UNSURE = "too few values"


def spread(values: Sequence[float]) -> Spread:
    """Return the values' middle and spread; at least one value."""
    median = statistics.median(values)
    mad = statistics.median(abs(value - median) for value in values)
    return Spread(median, mad, *interval(values), len(values))


def interval(
    values: Sequence[float], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the narrowest interval of order statistics with this confidence.

    Fewer than MIN_VALUES do not reach it: then it is from the least to the largest.
    """
    ordered = sorted(values)
    size = len(ordered)
    cut = 0
    outside = 2 * 0.5**size  # P(the median is beyond the least or the largest)
    while True:
        outside += 2 * math.comb(size, cut + 1) * 0.5**size
        if outside > 1 - confidence or 2 * (cut + 1) >= size:
            break
        cut += 1
    return ordered[cut], ordered[size - 1 - cut]


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return the quotients of values that were taken in the same rounds."""
    return [a / b for a, b in zip(over, under, strict=True)]


def between(new: Spread, old: Spread) -> Spread:
    """Return new / old with an interval that has the noise of both in it."""
    median = new.median / old.median
    relative = new.mad / new.median + old.mad / old.median
    return Spread(
        median,
        median * relative,
        new.low / old.high,
        new.high / old.low,
        min(new.num_values, old.num_values),
    )


def verdict(change: Spread, is_more_better: bool = False) -> Verdict:
    """Say what (new / old) is: the whole interval has to be beyond FLOOR.

    Args:
        is_more_better: of a rate, such as tokens a second.
    """
    if change.num_values < MIN_VALUES:
        return Verdict.UNSURE
    if change.low > 1 + FLOOR:
        return Verdict.FASTER if is_more_better else Verdict.SLOWER
    if change.high < 1 / (1 + FLOOR):
        return Verdict.SLOWER if is_more_better else Verdict.FASTER
    return Verdict.SAME
