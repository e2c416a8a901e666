"""What is written when memory keeps less than all, and what may wait for it."""

import mlx.core as mx
import pytest
from engine.prefix_cache.disk.tiers import FLUSH_S, Warm, held_up, prompt
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.prefix_cache.disk.jobs import Piece
from pensieve.engine.prefix_cache.runs import as_array
from pensieve.engine.prefix_cache.snapshots import Layout

TOLERANCE = 1e-4
TOKEN_BYTES = 256
"""Of tiny_llama's keys and values."""


def test_what_waits_to_be_written_is_bounded(llama, tmp_path):
    """What does not fit is written when the sequence is kept again."""
    each = Warm(llama, tmp_path / "other").learn(prompt(512)).disk.nbytes
    warm = Warm(llama, tmp_path, queue_bytes=2 * each)

    warm.learn(prompt(2000))
    sizes = [warm.again().size([*prompt(2000), 1])]
    for _ in range(3):
        warm.learn(prompt(2000))
        sizes.append(warm.again().size([*prompt(2000), 1]))

    assert sizes == sorted(sizes)
    assert 0 < sizes[0] < 2000
    assert sizes[-1] == 2000


@pytest.mark.parametrize("limit_bytes", [1000, 0])  # of 256 a token
def test_what_memory_has_no_room_for_is_written_all_the_same(
    llama, tmp_path, limit_bytes
):
    warm = Warm(llama, tmp_path)
    warm.prefixes.limit(limit_bytes)
    warm.learn(prompt(600))

    assert warm.prefixes.known_size(prompt(600)) < 600
    assert warm.again().error([*prompt(600), 1]) == (
        600,
        pytest.approx(0, abs=TOLERANCE),
    )


@pytest.mark.parametrize("limit_bytes", [TOKEN_BYTES * 100, 0])
def test_the_disk_follows_turn_by_turn_where_it_has_more_than_memory(
    llama, tmp_path, limit_bytes
):
    warm = Warm(llama, tmp_path)
    warm.prefixes.limit(limit_bytes)
    for end in (605, 606, 900, 1300):
        warm.learn(prompt(1300)[:end])

        assert warm.again().error([*prompt(1300)[:end], 1]) == (
            end,
            pytest.approx(0, abs=TOLERANCE),
        )


def test_a_long_prompt_without_room_in_memory_is_written_bit_by_bit(llama, tmp_path):
    warm = Warm(llama, tmp_path, queue_bytes=TOKEN_BYTES * 600)
    warm.prefixes.limit(0)
    sizes = []
    for _ in range(3):
        warm.learn(prompt(1500))
        sizes.append(warm.again().size([*prompt(1500), 1]))

    assert sizes == [512, 1024, 1500]


def test_nothing_is_written_of_pieces_with_a_gap(llama, tmp_path):
    """The files before them may have gone since they were made."""
    warm = Warm(llama, tmp_path)
    disk, warm.prefixes.disk = warm.disk, None
    cache = warm.keep(prompt(300))
    layout = Layout(make_prompt_cache(llama))
    first, last = (
        Piece(start, layout.segment(cache, 0, start, end).layers)
        for start, end in ((0, 96), (112, 300))
    )
    mx.eval(first.layers, last.layers)

    disk.save(as_array(prompt(300)), [last], None, 0)
    disk.save(as_array(prompt(300)), [first, last], None, 0)

    assert disk.flush(FLUSH_S)
    assert warm.files == []


def test_no_more_is_copied_than_may_be(llama, tmp_path):
    warm = Warm(llama, tmp_path)
    warm.prefixes.limit(0)
    warm.prefixes.limit_copies(TOKEN_BYTES * 600)
    warm.learn(prompt(1000)).learn(prompt(1000))
    assert warm.again().size([*prompt(1000), 1]) == 512

    warm.prefixes.limit_copies(TOKEN_BYTES * 600)
    warm.learn(prompt(1000))

    assert warm.again().size([*prompt(1000), 1]) == 1000


def test_what_memory_keeps_is_written_where_nothing_may_be_copied(model, tmp_path):
    warm = Warm(model, tmp_path)
    warm.prefixes.limit_copies(0)

    warm.learn(prompt(200))

    assert warm.again().size([*prompt(200), 1]) == 200


def test_where_nothing_is_kept_nor_copied_nothing_is_written(model, tmp_path):
    warm = Warm(model, tmp_path)
    warm.prefixes.limit(0)
    warm.prefixes.limit_copies(0)

    with held_up():
        warm.keep(prompt(200))
        assert warm.prefixes.bytes_being_written == 0

    assert warm.disk.flush(FLUSH_S)
    assert warm.files == []


def test_a_file_that_waits_to_be_written_is_counted_once(model, tmp_path):
    warm = Warm(model, tmp_path)
    with held_up():
        warm.keep(prompt(600))
        waiting = warm.prefixes.bytes_being_written
        warm.keep(prompt(600))

        assert warm.prefixes.bytes_being_written == waiting > 0

    assert warm.disk.flush(FLUSH_S)
    assert warm.prefixes.bytes_being_written == 0
    assert warm.again().size([*prompt(600), 1]) == 600


def test_without_a_disk_nothing_is_being_written(llama, tmp_path):
    warm = Warm(llama, tmp_path)
    warm.prefixes.disk = None

    assert warm.prefixes.bytes_being_written == 0


def test_spilling_writes_what_is_not_on_disk_and_forgets(model, tmp_path):
    warm = Warm(model, tmp_path)
    disk, warm.prefixes.disk = warm.disk, None
    warm.learn(prompt(200), head_size=30).learn(prompt(200, salt=1))
    warm.prefixes.disk = disk
    assert warm.files == []

    warm.prefixes.spill()

    assert disk.flush(FLUSH_S)
    assert warm.prefixes.nbytes == 0
    for salt in (0, 1):
        cached, error = warm.again().error([*prompt(200, salt), 1])
        assert cached == 200
        assert error < TOLERANCE
