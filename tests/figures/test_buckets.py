import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pensieve.figures.buckets import Buckets


def test_a_value_at_a_bound_is_below_it():
    buckets = Buckets([1, 2])
    for value in (0.5, 1, 1.5, 2, 9):
        buckets.add(value)

    assert [*buckets.cumulative()] == [(1, 2), (2, 4), (math.inf, 5)]
    assert buckets.total == 14
    assert buckets.count == 5


def test_zeros_are_in_the_first_bucket_and_add_nothing():
    buckets = Buckets([1, 2])
    buckets.add_zeros(3)

    assert [*buckets.cumulative()] == [(1, 3), (2, 3), (math.inf, 3)]
    assert buckets.total == 0


@given(st.lists(st.floats(0, 10)), st.sets(st.floats(0, 10), min_size=1).map(sorted))
def test_each_bound_has_as_many_as_are_at_most_that(values, bounds):
    buckets = Buckets(bounds)
    for value in values:
        buckets.add(value)

    for bound, count in buckets.cumulative():
        assert count == sum(value <= bound for value in values)
    assert buckets.total == pytest.approx(sum(values))
