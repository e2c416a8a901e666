"""Whether there is memory for a sequence: now, later, never."""

import mlx.core as mx
import pytest
from engine.simulated_memory import MB, Watched, prompt
from engine.tiny_models import tiny_gemma3, tiny_llama

from pensieve.engine.memory.need import CacheBytes, MemoryNeed
from pensieve.engine.memory.room import ANSWER_TOKENS
from pensieve.link.messages import (
    Admitted,
    Failed,
    Finished,
    Refused,
    SamplingParams,
    Submit,
)

A_TOKEN = 256
"""Bytes of a token in the tiny model's caches, at which these sequences need:"""
NEED = MemoryNeed(CacheBytes(MB, 0, (), 0), 16, 0.0, 0.0, 0.0)
"""a megabyte a token, rounded up to 256."""
RESERVE = 500


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


def watched(model, free_mb, **changes):
    watched = Watched(model, NEED, **changes)
    watched.look(free_mb)
    return watched


def batch_submit(size):
    return Submit(1, prompt(size), 3, [], SamplingParams(seed=0, temperature=0), size)


def test_what_fits_is_let_in(model):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=200, max_tokens=3)
    batch.finish()

    assert batch.ids(Finished) == [1]


def test_what_never_fits_is_refused_at_once_with_the_numbers(model):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=2000, max_tokens=3)

    [refused] = batch.of_type(Refused)
    assert refused.message == (
        "prompt is too long: 2000 tokens > 1533 maximum: it needs 2048 MB of memory and"
        " there are 1600 MB"
    )
    assert not batch.scheduler.has_work
    batch.submit(2, size=200, max_tokens=3)
    batch.finish()
    assert batch.ids(Finished) == [2]


def test_one_that_has_begun_elsewhere_is_not_told_that_it_is_too_long(model):
    """Its client has read a part of the answer."""
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=2000, num_sampled=5, max_tokens=3)

    [failed] = batch.of_type(Failed)
    assert failed.is_overload


def test_what_is_still_being_written_to_disk_is_waited_for_a_while(model, monkeypatch):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=1500, max_tokens=3)
    being_written = 700 * MB
    written = property(lambda self: being_written)
    monkeypatch.setattr(type(batch.prefixes), "bytes_being_written", written)
    batch.look(RESERVE + 1510)
    batch.step(3)
    assert batch.events == []

    batch.machine.now += 31
    batch.step()

    assert batch.ids(Refused) == [1]


def test_what_is_read_from_disk_is_promised_its_memory(model):
    batch = watched(model, RESERVE + 1600)
    batch.room.verdict("a", batch_submit(900), {})

    assert batch.room.promised_bytes({"a": 900}) == 1024 * MB


def test_the_longest_prompt_that_is_named_does_fit(model):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=1534, max_tokens=3)
    batch.submit(2, size=1533, max_tokens=3)

    assert batch.ids(Refused) == [1]


def test_where_no_prompt_fits_none_is_named(model):
    batch = watched(model, RESERVE + 700)
    batch.submit(1, size=20, max_tokens=3000)

    [refused] = batch.of_type(Refused)
    assert refused.message == (
        "memory: the shortest prompt needs 1280 MB of memory and there are 700 MB"
    )


def test_an_answer_is_charged_modestly_whatever_is_allowed_for(model):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=200, max_tokens=32_000)
    batch.step(3)
    assert batch.ids(Admitted) == [1]

    assert ANSWER_TOKENS == 1024
    other = watched(model, RESERVE + 1200)
    other.submit(1, size=200, max_tokens=32_000)
    assert other.ids(Refused) == [1]


def test_what_does_not_fit_beside_others_waits_for_them(model):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=1000, max_tokens=3)
    batch.step()
    batch.submit(2, size=900, max_tokens=3)
    batch.step()
    assert batch.ids(Admitted) == [1]

    batch.finish()

    assert sorted(batch.ids(Finished)) == [1, 2]
    assert batch.ids(Refused) == []


def test_what_is_promised_to_a_prompt_is_not_given_to_another(model):
    """The first has taken next to nothing yet."""
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=1000, max_tokens=3)
    batch.step(2)

    assert batch.scheduler.promised_bytes == (1024 - 256) * MB
    batch.step(80)
    assert batch.scheduler.promised_bytes == 0


def test_smaller_ones_do_not_pass_one_that_waits_for_memory_for_ever(model):
    """They come without end, and some are always at work."""
    batch = watched(model, RESERVE + 1600)
    for sequence_id in range(3, 100):
        batch.submit(sequence_id, size=300, max_tokens=3)
        if sequence_id == 6:
            batch.submit(2, size=1000, max_tokens=3)
        batch.step(15)

    admitted = batch.ids(Admitted)
    assert 2 in admitted[2:30]
    assert len(admitted) > 30


def test_one_that_nothing_will_make_room_for_is_refused_then(model):
    """Another program has taken memory since it came."""
    batch = watched(model, RESERVE + 2000)
    batch.submit(1, size=1000, max_tokens=3)
    batch.submit(2, size=1200, max_tokens=3)
    batch.step(2)
    batch.look(RESERVE + 1000)

    batch.finish()

    assert batch.ids(Finished) == [1]
    assert batch.ids(Refused) == [2]


def test_one_that_has_begun_and_does_not_fit_fails_as_overload(model):
    batch = watched(model, RESERVE + 1600)
    batch.submit(1, size=20, max_tokens=3)
    batch.submit(2, size=1400, num_sampled=5, max_tokens=3)
    batch.step(1)
    batch.look(RESERVE + 1000)

    batch.finish()

    [failed] = batch.of_type(Failed)
    assert failed.sequence_id == 2
    assert failed.is_overload


def test_what_is_kept_of_past_prompts_gives_way_before_anything_is_refused(model):
    need = MemoryNeed(CacheBytes(A_TOKEN, 0, (), 0), 16, 0.0, 0.0, 0.0)
    batch = Watched(model, need)
    batch.look(10_000)
    for sequence_id in range(4):
        batch.submit(sequence_id, size=1000, max_tokens=1)
        batch.finish()
    kept = batch.prefixes.nbytes
    assert kept > 900 * 1024
    # 300 kB are free, and the next one needs 512.
    batch.machine.free_bytes = RESERVE * MB + 300 * 1024
    batch.machine.now += 1

    size = 1500
    batch.submit(9, size=size, max_tokens=400)
    batch.step(1)

    assert batch.ids(Refused) == []
    assert 9 in batch.ids(Admitted)
    assert kept - 400 * 1024 < batch.prefixes.nbytes < kept - 150 * 1024


def test_a_sequences_own_prefix_is_the_last_to_give_way(model):
    need = MemoryNeed(CacheBytes(A_TOKEN, 0, (), 0), 16, 0.0, 0.0, 0.0)
    batch = Watched(model, need)
    batch.look(10_000)
    batch.submit(1, size=1000, max_tokens=1)
    batch.finish()
    batch.submit(2, size=1000, max_tokens=1)
    batch.finish()
    batch.machine.free_bytes = RESERVE * MB + 200 * 1024
    batch.machine.now += 1

    batch.submit(1, size=1000, max_tokens=400)
    batch.step(1)

    admitted = batch.of_type(Admitted)[-1]
    assert admitted.cached_tokens == 999
    assert batch.prefixes.known_size(prompt(1000, 2)) < 999


# ----- MLX's free buffers -----


def free_buffers(batch):
    """Decode until MLX keeps buffers, so that there is something to give back."""
    for _ in range(50):
        batch.step()
        if mx.get_cache_memory():
            return
    raise AssertionError("MLX keeps no buffers here")


ENDS = {
    "finished": lambda batch: batch.finish(),
    "cancelled": lambda batch: batch.scheduler.cancel(0, 1),
    "failed": lambda batch: batch.scheduler.end_largest("for the test"),
    "disconnected": lambda batch: batch.scheduler.disconnect(0),
}


@pytest.mark.parametrize("model", [tiny_llama, tiny_gemma3])
@pytest.mark.parametrize("end", ENDS)
def test_buffers_are_given_back_after_each_request_whatever_its_end(model, end):
    batch = Watched(model())
    batch.submit(1, size=40, max_tokens=60)
    free_buffers(batch)

    ENDS[end](batch)

    assert mx.get_cache_memory() == 0


@pytest.mark.parametrize("end", ["cancelled", "failed", "disconnected"])
def test_so_they_are_when_it_ends_during_its_prefill(model, end):
    batch = Watched(model)
    batch.submit(1, size=4000)
    batch.step(3)
    keep = [mx.ones((1000,)) + i for i in range(3)]
    mx.eval(keep)
    del keep
    assert mx.get_cache_memory()

    ENDS[end](batch)

    assert mx.get_cache_memory() == 0


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_so_they_are_while_others_are_at_work(model, end, monkeypatch):
    batch = Watched(model)
    batch.submit(1, size=60, max_tokens=90)
    batch.submit(2, size=30, max_tokens=90)
    free_buffers(batch)
    calls = []
    monkeypatch.setattr(mx, "get_cache_memory", lambda: MB)
    monkeypatch.setattr(mx, "clear_cache", lambda: calls.append("clear"))

    ENDS[end](batch)

    assert calls


def test_so_they_are_after_a_refusal(model):
    batch = watched(model, RESERVE + 1600)
    kept = mx.ones((1000,)) + 1
    mx.eval(kept)
    del kept
    assert mx.get_cache_memory()

    batch.submit(1, size=2000, max_tokens=3)

    assert batch.ids(Refused) == [1]
    assert mx.get_cache_memory() == 0


def test_where_a_request_grew_no_buffers_none_are_given_back(model, monkeypatch):
    calls = []
    monkeypatch.setattr(mx, "get_cache_memory", lambda: 0)
    batch = Watched(model)
    batch.submit(1, size=20, max_tokens=400)
    batch.step(5)
    monkeypatch.setattr(mx, "clear_cache", lambda: calls.append("clear"))

    batch.scheduler.cancel(0, 1)

    assert calls == []
