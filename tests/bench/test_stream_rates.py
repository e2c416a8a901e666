"""Tokens a second while all streams decode."""

import pytest
from pensieve.bench.stream_rates import decode_rate


def test_only_the_time_in_which_all_decode_counts():
    early, late = [0.0, 1.0, 2.0, 3.0], [1.5, 2.5, 3.5, 4.5]

    assert decode_rate([early, late]) == (2 + 1) / (3.0 - 1.5)


def test_streams_that_never_decode_together_have_no_rate():
    with pytest.raises(ValueError, match="ask for more tokens"):
        decode_rate([[0.0, 1.0], [1.0, 2.0]])
