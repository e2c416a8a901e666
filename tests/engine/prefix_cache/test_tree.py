"""The tree against its slow twin; what it stores here are the tokens themselves."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from reference.prefix_store import PrefixStore

from pensieve.engine.prefix_cache.runs import as_array, common_size
from pensieve.engine.prefix_cache.tree import RunTree

TOKENS = st.lists(st.integers(0, 2), max_size=9)
CHECKPOINT_BYTES = st.sampled_from([0, 2, 3])


class Letters(NamedTuple):
    """A segment of one byte a token."""

    token_ids: tuple[int, ...]

    @property
    def nbytes(self):
        return len(self.token_ids)

    def split(self, size):
        return Letters(self.token_ids[:size]), Letters(self.token_ids[size:])


class Mark(NamedTuple):
    """A checkpoint: of which tokens it is."""

    token_ids: tuple[int, ...]
    nbytes: int


def tree(budget_bytes=100, run_size=4) -> RunTree[Letters, Mark]:
    return RunTree(Letters(()), budget_bytes, run_size)


def insert(store, token_ids, checkpoint_bytes=0, head_size=0):
    mark = Mark(tuple(token_ids), checkpoint_bytes) if checkpoint_bytes else None
    return store.insert(
        as_array(token_ids),
        lambda start, end: Letters(tuple(token_ids[start:end])),
        mark,
        head_size,
    )


def find(store, token_ids) -> int:
    """Use the longest prefix and its last checkpoint; return its size."""
    path, size = store.match(as_array(token_ids))
    whole = [run for run in path if run.end <= size and run.checkpoint is not None]
    store.touch(path, whole[-1] if whole else None)
    return size


def spelled(run) -> tuple[int, ...]:
    before = spelled(run.parent) if run.parent else ()
    return (*before, *run.token_ids.tolist())


def prefixes(store) -> set[tuple[int, ...]]:
    """Return all the sequences that begin a stored one, but the empty one."""
    return {
        spelled(run)[:size]
        for run in store
        for size in range(run.start + 1, run.end + 1)
    }


def marks(store) -> set[tuple[int, ...]]:
    return {spelled(run) for run in store if run.checkpoint is not None}


class Stored(RuleBasedStateMachine):
    """Runs of any size: what is there is right, and is counted right."""

    @initialize(budget_bytes=st.integers(0, 30), run_size=st.integers(1, 5))
    def begin(self, budget_bytes, run_size):
        self.budget_bytes, self.run_size = budget_bytes, run_size
        self.tree = tree(budget_bytes, run_size)

    @rule(
        token_ids=TOKENS, checkpoint_bytes=CHECKPOINT_BYTES, head_size=st.integers(0, 5)
    )
    def insert(self, token_ids, checkpoint_bytes, head_size):
        before = prefixes(self.tree)
        head_size = min(head_size, len(token_ids))
        insert(self.tree, token_ids, checkpoint_bytes, head_size)
        now = prefixes(self.tree)
        mine = {tuple(token_ids[: i + 1]) for i in range(len(token_ids))}
        assert now <= before | mine
        assert before & mine <= now
        if len(before | mine) + len(marks(self.tree)) * 3 <= self.budget_bytes:
            assert mine <= now

    @rule(token_ids=TOKENS)
    def find(self, token_ids):
        sizes = [
            common_size(as_array(token_ids), as_array(each))
            for each in prefixes(self.tree)
        ]
        assert find(self.tree, token_ids) == max(sizes, default=0)

    @rule(token_ids=TOKENS)
    def forget(self, token_ids):
        others = marks(self.tree) - {tuple(token_ids)}
        self.tree.forget_checkpoint(as_array(token_ids))
        assert marks(self.tree) == others

    @rule()
    def clear(self):
        self.tree.clear()
        assert not list(self.tree)

    @invariant()
    def the_budget_is_kept_and_what_is_shared_is_counted_once(self):
        counted = len(prefixes(self.tree))
        counted += sum(run.checkpoint.nbytes for run in self.tree if run.checkpoint)
        assert self.tree.num_runs == len(list(self.tree))
        assert self.tree.nbytes == counted <= self.budget_bytes

    @invariant()
    def runs_hold_what_they_say(self):
        for run in self.tree:
            assert 1 <= len(run.token_ids) <= self.run_size
            assert run.segment.token_ids == tuple(run.token_ids.tolist())
            assert run.parent.children[int(run.token_ids[0])] is run
            assert run.parent.end == run.start
            assert run.checkpoint is None or run.checkpoint.token_ids == spelled(run)


class LikeTheTwin(RuleBasedStateMachine):
    """Runs of one token: exactly what the slow twin stores, after any history."""

    @initialize(budget_bytes=st.integers(0, 24))
    def begin(self, budget_bytes):
        self.tree, self.twin = tree(budget_bytes, run_size=1), PrefixStore(budget_bytes)

    @rule(
        token_ids=TOKENS, checkpoint_bytes=CHECKPOINT_BYTES, head_size=st.integers(0, 5)
    )
    def insert(self, token_ids, checkpoint_bytes, head_size):
        head_size = min(head_size, len(token_ids))
        insert(self.tree, token_ids, checkpoint_bytes, head_size)
        self.twin.insert(token_ids, checkpoint_bytes, head_size)

    @rule(limit_bytes=st.integers(0, 30))
    def limit(self, limit_bytes):
        self.tree.limit(limit_bytes)
        self.twin.limit_bytes = min(limit_bytes, self.twin.budget_bytes)

    @rule(nbytes=st.integers(0, 30))
    def shrink(self, nbytes):
        self.tree.shrink(nbytes)
        self.twin.shrink(nbytes)

    @rule(token_ids=TOKENS)
    def find(self, token_ids):
        assert find(self.tree, token_ids) == self.twin.longest(token_ids)
        self.twin.touch(token_ids)

    @invariant()
    def both_store_the_same(self):
        known = self.twin.known
        assert prefixes(self.tree) == set(known)
        assert marks(self.tree) == {p for p in known if known[p].checkpoint_bytes}
        assert self.tree.nbytes == self.twin.nbytes


TestStored = Stored.TestCase
TestStored.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLikeTheTwin = LikeTheTwin.TestCase
TestLikeTheTwin.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None
)


def test_what_two_sequences_share_is_stored_once():
    store = tree()
    insert(store, [1, 2, 3, 4, 5, 6])

    added = insert(store, [1, 2, 3, 9])

    assert [run.token_ids.tolist() for run in added] == [[9]]
    assert store.nbytes == 7


def test_what_is_known_is_not_computed_again():
    store = tree()
    insert(store, [1, 2, 3])
    wanted = []

    store.insert(
        as_array([1, 2, 3, 4, 5]),
        lambda start, end: wanted.append((start, end)) or Letters((4, 5)),
    )

    assert wanted == [(3, 5)]


def test_the_end_of_what_was_used_least_lately_goes_first():
    store = tree(budget_bytes=8, run_size=2)
    insert(store, [1, 1, 1, 1])
    insert(store, [2, 2, 2])
    find(store, [1, 1, 1, 1])

    insert(store, [3, 3, 3])

    assert find(store, [1, 1, 1, 1]) == 4
    assert find(store, [2, 2, 2]) == 0
    assert find(store, [3, 3, 3]) == 3


def test_a_head_stays_longer_than_what_was_used_after_it():
    store = tree(budget_bytes=8, run_size=2)
    insert(store, [1, 1, 1, 1, 5, 5], head_size=4)

    insert(store, [2] * 4)
    insert(store, [3] * 4)

    assert find(store, [1, 1, 1, 1, 5, 5]) == 4
    assert find(store, [2] * 4) == 0
    assert find(store, [3] * 4) == 4


def test_of_what_is_too_large_the_start_is_stored():
    store = tree(budget_bytes=8, run_size=3)
    insert(store, [1] * 5)

    insert(store, [2] * 9)

    assert find(store, [2] * 9) == 6


def test_heads_that_take_more_than_half_of_the_budget_go_like_all_else():
    store = tree(budget_bytes=8, run_size=2)
    for token in (1, 2):
        insert(store, [token] * 4, head_size=4)

    insert(store, [3, 3])

    assert [find(store, [token] * 4) for token in (1, 2, 3)] == [2, 4, 2]


def test_a_checkpoint_that_was_left_behind_goes_before_newer_tokens():
    store = tree(budget_bytes=10)
    insert(store, [1, 1], checkpoint_bytes=3)
    insert(store, [1, 1, 1], checkpoint_bytes=3)

    insert(store, [2, 2, 2, 2])

    assert marks(store) == {(1, 1, 1)}
    assert find(store, [1, 1, 1]) == 3


def test_a_head_that_is_known_too_late_is_marked_then():
    store = tree(budget_bytes=8, run_size=8)
    insert(store, [1, 1, 1, 1, 1])
    insert(store, [1, 1, 1, 1, 1], head_size=3, checkpoint_bytes=1)

    insert(store, [2] * 5)

    assert find(store, [1] * 5) == 3


@pytest.mark.parametrize(
    ("one", "other", "size"),
    [([], [1], 0), ([1], [2], 0), ([1, 2], [1, 2], 2), ([1, 2, 3], [1, 2, 4, 5], 2)],
)
def test_the_common_size_ends_where_tokens_differ(one, other, size):
    assert common_size(as_array(one), as_array(other)) == size
    assert common_size(as_array(other), as_array(one)) == size


def test_tokens_are_kept_as_32_bits():
    assert as_array([1, 2]).dtype == np.int32


def test_a_limit_stops_growth_and_takes_nothing_away():
    store = tree(budget_bytes=8, run_size=2)
    insert(store, [1] * 4)
    store.limit(4)
    assert find(store, [1] * 4) == 4

    insert(store, [2] * 2)

    assert (find(store, [1] * 4), find(store, [2] * 2), store.nbytes) == (2, 2, 4)
    store.limit(100)
    insert(store, [3] * 9)
    assert store.nbytes == 8


def test_what_shrinks_keeps_what_was_used_last():
    store = tree(run_size=2)
    for token in (1, 2, 3):
        insert(store, [token] * 4)
    find(store, [1] * 4)

    store.shrink(6)

    assert [find(store, [token] * 4) for token in (1, 2, 3)] == [4, 0, 2]
