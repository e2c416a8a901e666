import itertools

import pytest

from pensieve.memory_states import GIB, TABLE, MemoryState, MemoryThresholds

SAFE, CAUTION, WARNING, CRITICAL, EMERGENCY = MemoryState
THRESHOLDS = MemoryThresholds(2000, 1250, 1000, 500)


@pytest.mark.parametrize(
    ("free_gib", "state"),
    [
        (100, SAFE),
        (2, SAFE),
        (1.99, CAUTION),
        (1.25, CAUTION),
        (1.24, WARNING),
        (1, WARNING),
        (0.99, CRITICAL),
        (0.5, CRITICAL),
        (0.49, EMERGENCY),
        (0, EMERGENCY),
    ],
)
def test_without_settings_the_states_begin_where_the_manual_says(free_gib, state):
    assert MemoryThresholds().state(int(free_gib * GIB)) is state


def test_each_state_does_what_the_milder_ones_do():
    rows = [TABLE[state] for state in MemoryState]

    for milder, worse in itertools.pairwise(rows):
        assert milder.grows_cache or not worse.grows_cache
        assert milder.keeps_cache or not worse.keeps_cache
        assert milder.max_sequences is None or worse.max_sequences == 1
        assert milder.takes_new or not worse.takes_new
        assert worse.ends_largest or not milder.ends_largest


def test_each_state_adds_its_one_thing():
    does = {state: row._asdict() for state, row in TABLE.items()}
    added = {
        (worse, name)
        for milder, worse in itertools.pairwise(MemoryState)
        for name, value in does[worse].items()
        if does[milder][name] != value
    }

    assert added == {
        (CAUTION, "grows_cache"),
        (WARNING, "keeps_cache"),
        (WARNING, "max_sequences"),
        (CRITICAL, "takes_new"),
        (EMERGENCY, "ends_largest"),
    }


@pytest.mark.parametrize(
    ("now", "free", "then"),
    [
        (SAFE, 1999, CAUTION),
        (CAUTION, 2000, CAUTION),
        (CAUTION, 2249, CAUTION),
        (CAUTION, 2250, SAFE),
        (SAFE, 400, EMERGENCY),
        (EMERGENCY, 562, EMERGENCY),
        (EMERGENCY, 563, CRITICAL),
        (EMERGENCY, 9000, SAFE),
        (EMERGENCY, 2100, CAUTION),
        (WARNING, 1300, WARNING),
        (WARNING, 900, CRITICAL),
    ],
)
def test_a_state_is_left_at_once_for_a_worse_one_and_only_well_beyond_for_a_milder_one(
    now, free, then
):
    assert THRESHOLDS.next_state(now, free) is then


def test_memory_that_moves_about_a_boundary_changes_the_state_once():
    state, changes = SAFE, 0
    for free in [1990, 2010] * 20:
        state, before = THRESHOLDS.next_state(state, free), state
        changes += state != before

    assert changes == 1


@pytest.mark.parametrize(
    ("bounds", "pair"),
    [
        ((2000, 1250, 1000, 500), None),
        ((0, 0, 0, 0), None),
        ((9, 8, 0, 0), None),
        ((9, 9, 5, 1), ("caution", "warning")),
        ((9, 8, 8, 1), ("warning", "critical")),
        ((9, 8, 1, 2), ("critical", "emergency")),
        ((0, 8, 1, 0), ("caution", "warning")),
    ],
)
def test_thresholds_have_to_descend(bounds, pair):
    assert MemoryThresholds(*bounds).misplaced() == pair


def test_a_threshold_of_zero_is_never_reached():
    assert MemoryThresholds(0, 0, 0, 0).state(0) is SAFE
