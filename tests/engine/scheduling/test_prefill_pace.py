import itertools

import pytest
from engine.fake_time import FakeTime

from pensieve.engine.scheduling.chunk_ladder import (
    MAX_CHUNK,
    MIN_CHUNK,
    measured_ladder,
)
from pensieve.engine.scheduling.prefill_pace import ALONE_S, FixedPace, MeasuredPace

TARGET_S = 0.5


def by_context(context_size, num_tokens):
    """A token takes a millisecond, and one more for each 4,000 tokens before it."""
    return num_tokens * (1 + context_size / 4000) / 1000


def pace_on(time: FakeTime) -> MeasuredPace:
    ladder = measured_ladder(time.run, TARGET_S, time.clock)
    return MeasuredPace(ladder, TARGET_S, time.clock)


def prefill(pace, time, size, start=0, is_alone=False) -> list[tuple[int, float]]:
    """Prefill a prompt; return the chunks and their seconds."""
    chunks = []
    while start < size:
        num_tokens = pace.portion(start, size - start, is_alone)
        before = time.now
        with pace.timing(start, num_tokens):
            time.run(num_tokens, start)
        chunks.append((num_tokens, time.now - before))
        start += num_tokens
    return chunks


def test_a_fixed_chunk_stays_as_it_is():
    time = FakeTime(by_context)

    chunks = prefill(FixedPace(100), time, 1050)

    assert [size for size, _ in chunks] == [100] * 10 + [50]


def test_the_first_chunk_is_the_largest_within_the_target():
    assert pace_on(FakeTime(by_context)).chunk(0, is_alone=False) == 384


def test_chunks_get_smaller_as_the_context_grows():
    time = FakeTime(by_context)

    chunks = prefill(pace_on(time), time, 40_000)

    sizes = [size for size, _ in chunks[:-1]]
    assert sizes[0] == 384
    assert sizes[-1] == MIN_CHUNK
    assert all(later <= size for size, later in itertools.pairwise(sizes))


def test_a_rest_is_no_chunk_of_its_own():
    time = FakeTime(by_context)
    pace = pace_on(time)
    size = pace.chunk(0, is_alone=False)

    assert pace.portion(0, size + size // 8, is_alone=False) == size + size // 8
    assert pace.portion(0, size + size // 8 + 1, is_alone=False) == size


def test_the_target_is_kept_but_for_single_chunks_where_the_context_doubles():
    time = FakeTime(by_context)

    seconds = [seconds for _, seconds in prefill(pace_on(time), time, 40_000)]

    late = [each for each in seconds if each > 1.1 * TARGET_S]
    assert len(late) <= 3
    assert max(seconds) < 2 * TARGET_S


def test_a_decode_step_between_chunks_is_part_of_the_gap():
    time = FakeTime(lambda _, num_tokens: num_tokens / 1000)
    pace = pace_on(time)
    assert pace.chunk(0, is_alone=False) == 384
    for _ in range(2):
        with pace.timing(0, 256):
            time.run(256)
        time.now += 0.3

    assert pace.chunk(0, is_alone=False) == 192


def test_time_without_work_is_no_decode_step():
    time = FakeTime(by_context)
    pace = pace_on(time)
    for _ in range(3):
        with pace.timing(0, 256):
            time.run(256)
        time.now += 1000.0

    assert pace.chunk(0, is_alone=False) == 384


def test_what_one_prompt_taught_holds_for_the_next_at_its_context():
    time = FakeTime(by_context)
    pace = pace_on(time)
    prefill(pace, time, 20_000)

    assert pace.chunk(20_000, is_alone=False) == 64
    assert pace.chunk(0, is_alone=False) == 384


def test_a_chunk_that_was_slow_once_makes_the_next_small_and_then_all_is_as_before():
    time = FakeTime(lambda *_: 0.2)
    pace = pace_on(time)
    before = pace.chunk(0, is_alone=False)
    with pace.timing(0, before):
        time.now += 100 * TARGET_S

    [(size, _)] = prefill(pace, time, MIN_CHUNK)

    assert size == MIN_CHUNK
    assert pace.chunk(0, is_alone=False) == before


def test_a_machine_that_was_busy_at_the_start_gets_its_speed_back():
    slow = FakeTime(lambda _, num_tokens: 0.016 * num_tokens)
    pace = pace_on(slow)
    assert pace.chunk(0, is_alone=False) == MIN_CHUNK
    slow.seconds = lambda _, num_tokens: 0.0005 * num_tokens

    prefill(pace, slow, MIN_CHUNK)

    assert pace.chunk(0, is_alone=False) == 768


def test_the_end_of_a_prompt_teaches_nothing():
    time = FakeTime(by_context)
    pace = pace_on(time)
    with pace.timing(0, 5):
        time.now += 30.0

    assert pace.chunk(0, is_alone=False) == 384


def test_alone_a_prompt_gets_the_fastest_chunks_that_can_be_cancelled_soon():
    time = FakeTime(lambda _, num_tokens: 0.05 + num_tokens / 2000)
    pace = pace_on(time)

    assert pace.chunk(0, is_alone=False) == 768
    assert pace.chunk(0, is_alone=True) == 1024
    seconds = [each for _, each in prefill(pace, time, 30_000, is_alone=True)]
    assert max(seconds) <= 1.1 * ALONE_S


def test_alone_a_fast_machine_gets_the_largest_chunks():
    time = FakeTime(lambda _, num_tokens: 0.01 + 1e-5 * num_tokens)

    assert pace_on(time).chunk(0, is_alone=True) == MAX_CHUNK


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_chunk_is_never_below_the_floor(is_alone):
    time = FakeTime(lambda _, num_tokens: 0.5 * num_tokens)

    assert pace_on(time).chunk(100_000, is_alone) == MIN_CHUNK
