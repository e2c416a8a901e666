"""The index finds what going through all files finds."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.disk_prefixes import DiskPrefixes

from pensieve.engine.prefix_cache.disk.index import DiskFile, Index
from pensieve.engine.prefix_cache.disk.keys import KeyMaker, file_ranges, key_sizes

MAX_TOKENS = 48


def chain(token_ids):
    return KeyMaker(b"secret", b"").chain(np.array(token_ids, np.int32))


def sequences():
    """Sequences that share starts: a base, left somewhere for another token."""
    branch = st.tuples(st.integers(0, 150), st.integers(1, 150), st.integers(1, 3))
    return branch.map(lambda b: [*([0] * b[0]), b[2], *([0] * (b[1] - 1))])


def steps_as_files(token_ids, done, end, head_size):
    for start, stop in file_ranges(done, end, head_size, MAX_TOKENS):
        keys = [chain(token_ids).at(size) for size in key_sizes(start, stop)]
        yield start, stop, tuple(keys)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(sequences(), st.integers(0, 200)), max_size=5),
    st.lists(st.integers(0, 30), max_size=4),
    st.lists(sequences(), max_size=3),
    sequences(),
)
def test_what_is_found_is_what_the_twin_finds(saved, removed, states, wanted):
    index, twin, names = Index(), DiskPrefixes(), []
    for token_ids, head_size in saved:
        steps = index.kv_steps(chain(token_ids), len(token_ids))
        done = steps[-1].until if steps else 0
        for start, stop, keys in steps_as_files(
            token_ids, done, len(token_ids), head_size
        ):
            path = Path(f"{keys[-1].hex()}-{start}")
            if path not in names:
                names.append(path)
                twin.add(start, token_ids[:stop])
            index.add(DiskFile(path, False, start, stop, keys, 1))
    for i in removed:
        if names:
            i %= len(names)
            index.discard([names.pop(i)])
            twin.remove(i)
    for i, token_ids in enumerate(states):
        twin.states.append(token_ids)
        key = chain(token_ids).at(len(token_ids))
        index.add(DiskFile(Path(f"s{i}"), True, 0, len(token_ids), (key,), 1))

    for token_ids in [wanted, *(each for each, _ in saved)]:
        steps = index.kv_steps(chain(token_ids), len(token_ids))

        assert (steps[-1].until if steps else 0) == twin.size(token_ids)
        starts = [step.file.start for step in steps]
        assert starts == [0, *(step.until for step in steps)][: len(steps)]
        limit = len(token_ids) - 1
        found = index.state_file(chain(token_ids), limit)
        assert (found.end if found else 0) == twin.state_size(token_ids, limit)


def test_a_removed_file_leaves_nothing_behind():
    index = Index()
    keys = (chain([0] * 20).at(16), chain([0] * 20).at(20))
    index.add(DiskFile(Path("kv"), False, 0, 20, keys, 1))
    index.add(DiskFile(Path("state"), True, 0, 20, keys[1:], 1))

    index.discard([Path("kv"), Path("state"), Path("unknown")])

    assert index.paths() == set()
    assert index.kv_steps(chain([0] * 30), 30) == []
    assert index.state_file(chain([0] * 30), 30) is None
    assert index._by_key == index._states == index._state_sizes == {}
