import logging

import pytest
from engine.fake_time import FakeTime

from pensieve.engine.scheduling.chunk_ladder import (
    MAX_CHUNK,
    MIN_CHUNK,
    ChunkLadder,
    Rung,
    measured_ladder,
    sizes,
)

LADDER = ChunkLadder([Rung(32, 0.3), Rung(64, 0.5), Rung(128, 0.9)])


def test_sizes_are_powers_of_two_and_half_as_much_again():
    assert [*sizes()][:5] == [32, 48, 64, 96, 128]
    assert [*sizes()][-3:] == [2048, 3072, MAX_CHUNK]


@pytest.mark.parametrize(
    ("num_tokens", "seconds"),
    [(1, 0.3), (32, 0.3), (48, 0.4), (64, 0.5), (96, 0.7), (128, 0.9), (256, 1.8)],
)
def test_what_was_not_tried_is_estimated_from_what_was(num_tokens, seconds):
    assert LADDER.seconds(num_tokens) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("limit_s", "size"), [(0.1, 32), (0.3, 32), (0.6, 64), (1.0, 128), (2.0, 256)]
)
def test_the_largest_chunk_within_a_limit_is_never_below_the_floor(limit_s, size):
    assert LADDER.largest_within(limit_s) == size


def test_the_fastest_chunk_is_not_always_the_largest():
    ladder = ChunkLadder([Rung(32, 0.3), Rung(64, 0.5), Rung(128, 0.8), Rung(256, 2)])

    assert ladder.fastest_within(100) == 128
    assert ladder.fastest_within(0.6) == 64
    assert ladder.fastest_within(0.1) == MIN_CHUNK


def test_chunks_that_are_cheap_to_try_are_tried_up_to_the_first_that_is_too_long():
    time = FakeTime(lambda _, num_tokens: 0.001 * num_tokens)

    ladder = measured_ladder(time.run, 0.3, time.clock)

    assert [rung.num_tokens for rung in ladder.rungs] == [32, 64, 128, 256, 512]


def test_trying_stops_before_a_chunk_that_would_cost_much_and_be_too_long():
    time = FakeTime(lambda _, num_tokens: 0.01 * num_tokens)

    ladder = measured_ladder(time.run, 1.0, time.clock)

    assert [rung.num_tokens for rung in ladder.rungs] == [32, 64]
    assert ladder.largest_within(1.0) == 96
    assert time.ran == [2, 32, 64]


def test_what_a_first_call_compiles_is_not_a_chunks_time():
    seen = set()

    def seconds(_, num_tokens):
        compiling = 0 if num_tokens in seen else 40
        seen.add(num_tokens)
        return compiling + 0.001 * num_tokens

    time = FakeTime(seconds)

    ladder = measured_ladder(time.run, 0.3, time.clock, compiles=True)

    assert ladder.largest_within(0.3) == 256
    assert ladder.seconds(256) == pytest.approx(0.256)


def test_a_very_slow_machine_is_asked_for_one_chunk():
    time = FakeTime(lambda _, num_tokens: 0.5 * num_tokens)

    ladder = measured_ladder(time.run, 0.5, time.clock)

    assert time.ran == [2, MIN_CHUNK]
    assert ladder.largest_within(0.5) == MIN_CHUNK


def test_a_fast_machine_is_tried_up_to_the_largest_chunk():
    time = FakeTime(lambda _, num_tokens: 1e-5 * num_tokens)

    ladder = measured_ladder(time.run, 0.5, time.clock)

    assert ladder.largest_within(0.5) == MAX_CHUNK


def test_a_chunk_that_was_slow_once_is_tried_again():
    """As beside something else: the first 256 tokens take 1.9 s, others 0.1 s."""

    def seconds(_, num_tokens):
        return 1.9 if num_tokens == 256 and time.ran.count(256) == 1 else 0.1

    time = FakeTime(seconds)

    ladder = measured_ladder(time.run, 0.5, time.clock)

    assert ladder.seconds(256) == pytest.approx(0.1)
    assert ladder.largest_within(0.5) == MAX_CHUNK


@pytest.mark.parametrize(
    ("target_s", "word"),
    [
        (
            0.5,
            "prefill chunk: 48 tokens take 480 ms, the target is 500 ms;"
            " tried: 32 in 320 ms, 64 in 640 ms",
        ),
        (
            0.2,
            "prefill chunk: 32 tokens take 320 ms, the target is 200 ms, which no"
            " chunk here meets; tried: 32 in 320 ms",
        ),
    ],
)
def test_the_log_says_what_was_chosen_and_whether_the_target_is_met(
    target_s, word, caplog
):
    time = FakeTime(lambda _, num_tokens: 0.01 * num_tokens)

    with caplog.at_level(logging.INFO):
        measured_ladder(time.run, target_s, time.clock)

    assert caplog.messages == [word]
