"""A key stands for all tokens up to a place, for one secret and one context."""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pensieve.engine.prefix_cache.disk.keys import (
    GRID,
    KeyMaker,
    file_ranges,
    key_sizes,
)


def array(token_ids):
    return np.array(token_ids, np.int32)


def slow_key(token_ids, secret, context) -> bytes:
    """Return the key of all tokens, block by block as it is documented."""
    own = blake2b(context, key=secret, digest_size=32).digest()
    key = blake2b(b"", key=own, digest_size=16).digest()
    for start in range(0, len(token_ids), GRID):
        tokens = b"".join(
            t.to_bytes(4, "little") for t in token_ids[start : start + GRID]
        )
        key = blake2b(key + tokens, key=own, digest_size=16).digest()
    return key


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=70), min_size=1))
def test_keys_are_those_of_the_slow_twin_whatever_was_asked_before(asked):
    """Sequences that share starts have keys of earlier ones reused."""
    maker = KeyMaker(b"secret", b"context")
    for i, more in enumerate(asked):
        token_ids = (asked[i // 2] + more) if i else more
        chain = maker.chain(array(token_ids))
        for size in (len(token_ids), len(token_ids) // 2, 0):
            assert chain.at(size) == slow_key(token_ids[:size], b"secret", b"context")


def test_keys_differ_by_secret_context_tokens_and_size():
    token_ids = list(range(40))
    makers = [KeyMaker(b"a", b"b"), KeyMaker(b"a", b"c"), KeyMaker(b"b", b"b")]
    chains = [maker.chain(array(token_ids)) for maker in makers]
    chains.append(makers[0].chain(array([1, *token_ids[1:]])))

    keys = {chain.at(size) for chain in chains for size in range(1, 41)}

    assert len(keys) == 4 * 40


@given(
    st.integers(0, 300), st.integers(1, 300), st.integers(0, 700), st.integers(17, 90)
)
def test_files_cover_what_is_asked_and_begin_on_the_grid(done, more, head, max_tokens):
    end = done + more

    ranges = file_ranges(done, end, head, max_tokens)

    covered = done
    for start, stop in ranges:
        assert start % GRID == 0
        assert covered - GRID < start <= covered < stop
        assert stop - start <= max_tokens
        assert not covered < head < stop
        covered = stop
    assert covered == end


@pytest.mark.parametrize(
    ("start", "end", "sizes"),
    [(0, 5, [5]), (0, 16, [16]), (0, 17, [16, 17]), (16, 50, [32, 48, 50])],
)
def test_a_file_has_the_keys_of_the_grid_and_of_its_end(start, end, sizes):
    assert key_sizes(start, end) == sizes
