"""What agents' sessions read from the prefix cache, beside what an ideal one reads.

Made-up sessions always; recorded ones, by `make traces`, from the folder that
PENSIEVE_TEST_TRACES names. A block of 64 tokens of theirs is one token here, and 64 in
the tests at full length.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from engine.replay import VOCAB_SIZE, Replay
from engine.tiny_models import tiny_qwen3_5
from engine.warm_engine import Tiers
from reference.ideal_prefixes import IdealPrefixes
from reference.prompt_traces import (
    Prompt,
    Session,
    interleaved,
    made_up_sessions,
    read_sessions,
)

TRACES = os.environ.get("PENSIEVE_TEST_TRACES", "")
RUN_SIZE = 8
"""Of tokens that stand for 64 each: as many as a run has at full length."""
NEARLY_ALL = 0.99
NEARLY_LRU = 0.97
FULL_LENGTH = ["trace_0229", "trace_0375"]
"""The two that compute the least: 103,000 and 62,000 tokens of 7,600,000."""
IN_A_QUARTER = "trace_0164"
"""The one that computes the least there: 326,000 tokens, others 1,400,000 and more."""

needs_traces = pytest.mark.skipif(
    not TRACES, reason="PENSIEVE_TEST_TRACES names no folder of recorded sessions"
)


class Ideal(NamedTuple):
    """What an ideal cache reads of some prompts, and what it then holds, in blocks."""

    num_read: int
    num_held: int


def ideal(prompts: Iterable[Prompt], budget: int | None = None) -> Ideal:
    prefixes = IdealPrefixes(budget)
    num_read = sum(prefixes.read(prompt.blocks) for prompt in prompts)
    return Ideal(num_read, len(prefixes))


IN_MEMORY = Tiers(run_size=RUN_SIZE)


def replayed(tiers: Tiers, prompts: list[Prompt], **how) -> Replay:
    replay = Replay(tiers, **how)
    replay.one_by_one(prompts)
    return replay


def replayed_with_a_restart(tiers: Tiers, prompts: list[Prompt], **how) -> Replay:
    """Restart in the middle."""
    replay = Replay(tiers, **how)
    replay.one_by_one(prompts[: len(prompts) // 2])
    replay.restart()
    replay.one_by_one(prompts[len(prompts) // 2 :])
    assert replay.num_read_from_disk > 0
    return replay


@pytest.fixture(
    scope="module",
    params=[
        "made up 1",
        "made up 2",
        pytest.param("recorded", marks=[needs_traces, pytest.mark.patient]),
    ],
)
def sessions(request) -> list[Session]:
    if request.param == "recorded":
        return read_sessions(Path(TRACES))
    return made_up_sessions(int(request.param[-1]))


@pytest.mark.patient
def test_one_after_the_other_sessions_read_all_that_can_be_read(sessions):
    prompts = [prompt for session in sessions for prompt in session]

    replay = replayed(IN_MEMORY, prompts)

    assert replay.num_read >= NEARLY_ALL * ideal(prompts).num_read


def test_what_is_said_to_be_read_is_not_computed(sessions):
    prompts = interleaved(sessions)

    replay = replayed(IN_MEMORY, prompts)

    assert replay.num_read >= NEARLY_ALL * ideal(prompts).num_read
    assert replay.num_prefilled <= replay.num_tokens - replay.num_read


@pytest.mark.patient
def test_side_by_side_sessions_read_all_that_can_be_read(sessions):
    replay = Replay(IN_MEMORY)

    order = replay.side_by_side(sessions)

    assert len(order) == sum(map(len, sessions))
    assert replay.num_read >= NEARLY_ALL * ideal(order).num_read


@pytest.mark.patient
def test_a_quarter_of_the_working_set_is_used_nearly_as_well_as_can_be(sessions):
    prompts = interleaved(sessions)
    whole = replayed(IN_MEMORY, prompts).nbytes
    lru = ideal(prompts, budget=ideal(prompts).num_held // 4)

    replay = replayed(IN_MEMORY._replace(memory_bytes=whole // 4), prompts)

    assert replay.nbytes <= whole // 4
    assert replay.num_read >= NEARLY_LRU * lru.num_read


@pytest.mark.patient
def test_prompts_larger_than_the_cache_read_their_start(sessions):
    """Each session by itself, a quarter of it: most prompts alone are larger."""
    for session in sessions:
        whole = replayed(IN_MEMORY, session).nbytes
        lru = ideal(session, budget=ideal(session).num_held // 4)

        replay = replayed(IN_MEMORY._replace(memory_bytes=whole // 4), session)

        assert replay.num_read >= NEARLY_LRU * lru.num_read


@pytest.mark.patient
def test_where_states_are_kept_at_checkpoints_most_is_read(sessions):
    """A branch finds the nearest checkpoint below it: some is computed once more."""
    prompts = interleaved(sessions)
    model = tiny_qwen3_5(vocab_size=VOCAB_SIZE)

    replay = replayed(IN_MEMORY, prompts, model=model)

    assert replay.num_read >= 0.9 * ideal(prompts).num_read


@pytest.mark.patient
def test_after_a_restart_all_that_can_be_read_is_read_from_disk(sessions, tmp_path):
    prompts = interleaved(sessions)

    replay = replayed_with_a_restart(IN_MEMORY._replace(disk=tmp_path), prompts)

    assert replay.num_read >= NEARLY_ALL * ideal(prompts).num_read


@pytest.mark.patient
def test_after_a_restart_a_quarter_on_disk_is_used_nearly_as_well(sessions, tmp_path):
    prompts = interleaved(sessions)
    for name in ("whole", "quarter"):
        (tmp_path / name).mkdir()
    whole = replayed(IN_MEMORY._replace(disk=tmp_path / "whole"), prompts)
    quarter = Tiers(
        whole.nbytes // 4, RUN_SIZE, tmp_path / "quarter", whole.disk_bytes // 4
    )
    lru = ideal(prompts, budget=ideal(prompts).num_held // 4)

    replay = replayed_with_a_restart(quarter, prompts)

    assert replay.num_read >= NEARLY_LRU * lru.num_read


@pytest.fixture(scope="module")
def long_prompts() -> list[Prompt]:
    sessions = read_sessions(Path(TRACES))
    return interleaved([s for s in sessions if s[0].session in FULL_LENGTH])


@needs_traces
@pytest.mark.patient
def test_at_full_length_two_sessions_read_all_that_can_be_read(long_prompts):
    replay = replayed(Tiers(), long_prompts, block_size=64)

    assert replay.num_read >= NEARLY_ALL * 64 * ideal(long_prompts).num_read


@needs_traces
@pytest.mark.patient
def test_at_full_length_after_a_restart_they_read_the_same_from_disk(
    long_prompts, tmp_path
):
    replay = replayed_with_a_restart(Tiers(disk=tmp_path), long_prompts, block_size=64)

    assert replay.num_read >= NEARLY_ALL * 64 * ideal(long_prompts).num_read


@needs_traces
@pytest.mark.hours
def test_at_full_length_a_quarter_is_used_nearly_as_well():
    prompts = session_named(IN_A_QUARTER)
    whole = replayed(Tiers(), prompts, block_size=64).nbytes
    lru = ideal(prompts, budget=ideal(prompts).num_held // 4)

    replay = replayed(Tiers(whole // 4), prompts, block_size=64)

    assert replay.nbytes <= whole // 4
    assert replay.num_read >= NEARLY_LRU * 64 * lru.num_read


@needs_traces
@pytest.mark.hours
def test_at_full_length_after_a_restart_a_quarter_on_disk_is_used_nearly_as_well(
    tmp_path,
):
    prompts = session_named(IN_A_QUARTER)
    for name in ("whole", "quarter"):
        (tmp_path / name).mkdir()
    whole = replayed(Tiers(disk=tmp_path / "whole"), prompts, block_size=64)
    quarter = Tiers(
        whole.nbytes // 4, disk=tmp_path / "quarter", disk_bytes=whole.disk_bytes // 4
    )
    lru = ideal(prompts, budget=ideal(prompts).num_held // 4)

    replay = replayed_with_a_restart(quarter, prompts, block_size=64)

    assert replay.num_read >= NEARLY_LRU * 64 * lru.num_read


def session_named(name: str) -> Session:
    return next(s for s in read_sessions(Path(TRACES)) if s[0].session == name)
