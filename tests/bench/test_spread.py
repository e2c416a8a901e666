import statistics

import pytest
from pensieve.bench.spread import (
    Spread,
    Verdict,
    between,
    interval,
    ratios,
    spread,
    verdict,
)


def around(low, high, num_values=10):
    return Spread((low + high) / 2, 0.0, low, high, num_values)


def test_the_middle_and_the_spread_are_the_medians():
    each = spread([5.0, 1.0, 2.0, 100.0, 3.0])

    assert each.median == 3
    assert each.mad == 2  # of 2, 2, 1, 97, 0
    assert each.num_values == 5


@pytest.mark.parametrize(
    ("size", "cut"),
    # 2 P(Binomial(n, 1/2) <= cut) is at most 5 %, and more for the next cut.
    [(5, 0), (6, 0), (8, 0), (9, 1), (10, 1), (11, 1), (12, 2), (15, 3), (20, 5)],
)
def test_the_interval_is_the_narrowest_of_its_confidence(size, cut):
    values = [float(i) for i in range(size)]

    assert interval(values[::-1]) == (values[cut], values[-1 - cut])


def test_an_interval_of_one_value_is_that_value():
    assert interval([7.0]) == (7.0, 7.0)


def test_one_wild_value_in_ten_is_outside():
    assert interval([1.0] * 9 + [1000.0]) == (1.0, 1.0)


def test_the_interval_has_the_median_in_it_as_often_as_it_says():
    import random

    rng = random.Random(1)
    hits = 0
    for _ in range(2000):
        low, high = interval([rng.expovariate(1) for _ in range(10)])
        hits += low <= 0.6931 <= high
    assert 0.97 < hits / 2000 < 0.99  # exactly 1 - 22 / 1024


def test_quotients_are_of_the_same_rounds():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


def test_a_quotient_has_the_noise_of_both():
    new, old = spread([2.0, 2.2, 2.1] * 4), spread([1.0, 1.1, 1.05] * 4)

    moved = between(new, old)

    assert moved.median == statistics.median([2.1]) / 1.05
    assert moved.low == new.low / old.high
    assert moved.high == new.high / old.low


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.031, 1.2, Verdict.SLOWER),
        (1.029, 1.2, Verdict.SAME),
        (0.9, 1.3, Verdict.SAME),
        (0.5, 0.972, Verdict.SAME),
        (0.5, 0.970, Verdict.FASTER),
    ],
)
def test_a_change_is_one_where_its_whole_interval_is_beyond_the_floor(low, high, said):
    assert verdict(around(low, high)) is said


def test_more_tokens_a_second_are_faster():
    assert verdict(around(1.1, 1.2), is_more_better=True) is Verdict.FASTER
    assert verdict(around(0.8, 0.9), is_more_better=True) is Verdict.SLOWER


def test_nothing_is_said_of_a_few_values():
    assert verdict(around(2.0, 2.1, num_values=5)) is Verdict.UNSURE
