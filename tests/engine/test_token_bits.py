"""Sets of tokens as bits, against Python's own sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pensieve.engine.token_bits import bits_of, has_bit, set_bits, unpacked, with_size

SIZES = st.integers(1, 130)
TOKENS = st.sets(st.integers(0, 129))


def held(bits, num_tokens) -> set[int]:
    return {*np.flatnonzero(unpacked(bits, num_tokens)).tolist()}


@given(TOKENS, TOKENS, SIZES)
def test_what_is_put_in_is_there_and_nothing_else(first, more, size):
    first = {token for token in first if token < size}
    more = {token for token in more if token < size}
    bits = bits_of(first, size)
    set_bits(bits, more)

    assert bits.shape == (-(-size // 32),)
    assert held(bits, len(bits) * 32) == first | more
    assert {token for token in range(size) if has_bit(bits, token)} == first | more


@given(TOKENS, SIZES, SIZES)
def test_another_size_loses_only_what_is_outside_either(tokens, size, new_size):
    """What is behind the size that the bits mean something for is not taken over."""
    bits = bits_of(tokens, 130)

    resized = with_size(bits, size, new_size)

    assert resized.shape == (-(-new_size // 32),)
    expected = {token for token in tokens if token < min(size, new_size)}
    assert held(resized, len(resized) * 32) == expected
    assert held(bits, 130) == tokens  # a copy
