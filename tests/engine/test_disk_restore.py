"""Sequences whose prefixes are on disk: read beside the model, not in its way."""

import asyncio
import os
import signal
import threading
import time

import msgspec
import pytest
from engine.engine_process import (
    TIMEOUT_S,
    connected,
    engine_spec,
    running_engine,
    wait_for_exit,
)
from engine.prefix_cache.disk.tiers import FLUSH_S, prompt, tier
from engine.test_prefix_reuse import Engine, alone, submission
from engine.tiny_models import tiny_llama, tiny_qwen3_5

from pensieve import cache_folder
from pensieve.engine.prefix_cache import restorer
from pensieve.engine.prefix_cache.restorer import RestoredSequence, Restorer, Wanted
from pensieve.link.messages import (
    Admitted,
    CacheReport,
    Failed,
    Finished,
    Prefilled,
    PrefixDisk,
    Sampled,
)


class DiskEngine(Engine):
    """A scheduler with both tiers; what it wants to be read waits for `read`."""

    def __init__(self, model, root, **changes) -> None:
        super().__init__(model, restore=self._note, **changes)
        self.prefixes.disk = self.disk = tier(root, model)
        self.wanted = []

    def _note(self, wanted):
        self.wanted.append(wanted)

    def read(self):
        for wanted in self.wanted:
            prefix = restorer.read(wanted)
            restored = RestoredSequence(wanted.connection_id, wanted.submit, prefix)
            self.scheduler.take_restored(restored)
        self.wanted.clear()

    def run(self, *submits):
        self.submit(*submits)
        while self.scheduler.has_work or self.wanted:
            self.step()
            self.read()
        assert self.disk.flush(FLUSH_S)
        return self.tokens(submits[0].sequence_id)


class Unreadable:
    """A tier that nothing can be read from."""

    def restore(self, plan, length):
        return None


@pytest.fixture(scope="module", params=[tiny_llama, tiny_qwen3_5])
def model(request):
    return request.param()


def test_after_a_restart_a_second_turn_prefills_only_what_is_new(model, tmp_path):
    answer = DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    second = submission(2, [*prompt(200), *answer, *prompt(20, salt=1)])
    engine = DiskEngine(model, tmp_path)

    tokens = engine.run(second)

    assert engine.admitted(2) == Admitted(
        2, 206, newly_cached_tokens=19, disk_tokens=206
    )
    assert engine.model.num_prefilled == 19
    assert tokens == alone(model, second)


def test_what_memory_knows_is_not_read(model, tmp_path):
    engine = DiskEngine(model, tmp_path)
    engine.run(submission(1, prompt(200)))

    engine.run(submission(2, [*prompt(200), *prompt(300, salt=1)]))

    assert engine.admitted(2).cached_tokens > 0
    assert engine.admitted(2).disk_tokens == 0


def test_a_restored_prefix_is_in_memory_for_the_next(model, tmp_path):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)

    engine.run(submission(2, [*prompt(200), 1, 2, 3]))
    engine.run(submission(3, [*prompt(200), 1, 2, 3]))

    assert engine.admitted(2).disk_tokens > 190
    assert engine.admitted(3) == Admitted(3, 202)


def test_others_go_on_while_a_prefix_is_read(model, tmp_path):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    other, restored = submission(2, prompt(30, 7), 50), submission(3, prompt(200))
    engine.submit(other)
    engine.step(8)

    engine.submit(restored)
    before = len(engine.tokens(2))
    engine.step(10)

    assert len(engine.tokens(2)) == before + 10
    assert engine.wanted
    assert not any(
        isinstance(event, Admitted | Prefilled) and event.sequence_id == 3
        for event in engine.events
    )
    engine.read()
    while engine.scheduler.has_work:
        engine.step()
    assert engine.tokens(3) == alone(model, restored)
    assert engine.tokens(2) == alone(model, other)


def test_a_sequence_that_begins_alike_waits_for_what_is_read(model, tmp_path):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    one = submission(2, [*prompt(199), *prompt(40, salt=1)])
    other = submission(3, [*prompt(199), *prompt(40, salt=2)])

    engine.submit(one, other)
    engine.step()

    assert [each.submit.sequence_id for each in engine.wanted] == [2]
    engine.read()
    while engine.scheduler.has_work:
        engine.step()
    assert engine.admitted(3).disk_tokens == 0
    assert engine.admitted(3).cached_tokens >= 190
    assert [engine.tokens(i) for i in (2, 3)] == [alone(model, s) for s in (one, other)]


def test_one_that_is_cancelled_while_it_is_read_is_forgotten(model, tmp_path):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    engine.submit(submission(2, prompt(200)), submission(3, prompt(150)))
    engine.step()
    engine.scheduler.cancel(0, 2)
    engine.step()
    engine.scheduler.disconnect(0)
    again = submission(2, prompt(190))
    engine.submit(again)

    engine.read()
    engine.events.clear()
    while engine.scheduler.has_work or engine.wanted:
        engine.step()
        engine.read()

    assert engine.tokens(2) == alone(model, again)


def test_who_reads_is_told_of_a_cancellation(model, tmp_path):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    engine.submit(submission(2, prompt(200)))
    engine.step()
    [wanted] = engine.wanted
    assert not wanted.cancelled.is_set()

    engine.scheduler.cancel(0, 2)

    assert wanted.cancelled.is_set()


def test_what_is_cancelled_is_not_read_any_more():
    restored = []
    thread = Restorer(restored.append)
    cancelled, wanted = threading.Event(), threading.Event()
    cancelled.set()
    submit = submission(1, prompt(200))
    thread.start()
    thread.restore(Wanted(0, submit, None, None, 300, cancelled))
    thread.restore(Wanted(0, submission(2, prompt(9)), Unreadable(), None, 300, wanted))

    while not restored:
        time.sleep(0.01)

    assert [each.submit.sequence_id for each in restored] == [2]
    assert thread.busy.seconds == 0


def test_one_that_is_read_may_be_the_largest_to_be_ended(model, tmp_path):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    engine.submit(submission(2, prompt(200)), submission(3, prompt(30, salt=9), 50))
    engine.step(3)
    assert engine.scheduler.turn_away("no memory") == 0

    assert engine.scheduler.end_largest("no memory") == 200

    assert engine.wanted[0].cancelled.is_set()
    engine.read()
    engine.step()
    assert Failed(2, "no memory", is_overload=True) in engine.events


def test_one_that_is_read_has_its_place_in_the_batch(model, tmp_path):
    DiskEngine(model, tmp_path).run(
        *(submission(i, prompt(200, salt=i)) for i in range(5))
    )
    engine = DiskEngine(model, tmp_path)

    engine.submit(*(submission(i, prompt(200, salt=i)) for i in range(5)))
    engine.step()

    assert len(engine.wanted) == 4  # of max_batch_size


@pytest.mark.parametrize("gone", [True, False])
def test_files_that_turn_out_to_be_bad_cost_only_the_prefill(model, tmp_path, gone):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    engine.submit(submission(2, prompt(200)))
    engine.step()
    for entry in cache_folder.entries(tmp_path):
        if gone:
            entry.path.unlink()
        else:
            os.truncate(entry.path, entry.nbytes - 1)

    tokens = engine.run(submission(3, [1, 2, 3])) and engine.tokens(2)

    assert engine.admitted(2).cached_tokens == 0
    assert tokens == alone(model, submission(2, prompt(200)))


def test_an_error_in_the_reading_thread_is_a_miss(model, tmp_path, monkeypatch, caplog):
    DiskEngine(model, tmp_path).run(submission(1, prompt(200)))
    engine = DiskEngine(model, tmp_path)
    done = []
    thread = Restorer(done.append)
    thread.start()
    engine.submit(submission(2, prompt(200)))
    engine.step()
    wanted = engine.wanted.pop()
    monkeypatch.setattr(wanted.disk, "restore", lambda plan, length: 1 / 0)

    thread.restore(wanted)
    while not done:
        pass

    assert done[0].prefix is None
    assert "cannot be restored" in caplog.text


@pytest.fixture
def spec(tiny_llama_path, tmp_path):
    return engine_spec(
        tiny_llama_path,
        tmp_path / "engine.sock",
        prefix_disk=PrefixDisk(str(tmp_path / "cache"), "template"),
    )


async def generated(client, submit):
    """Return what admitted a sequence, and its tokens."""
    client.send(submit)
    events = await client.until(lambda event: isinstance(event, Finished))
    [admitted] = [event for event in events if isinstance(event, Admitted)]
    tokens = [t for e in events if isinstance(e, Sampled) for t in e.token_ids]
    return admitted, tokens


async def test_after_a_kill_the_prefix_comes_from_disk(spec, tmp_path):
    first = submission(1, prompt(150), 8)
    async with asyncio.timeout(4 * TIMEOUT_S):
        with running_engine(spec, tmp_path / "log") as process:
            async with connected(spec.socket_path) as client:
                _, answer = await generated(client, first)
                await until_written(tmp_path / "cache", 158)
                process.send_signal(signal.SIGKILL)
                await wait_for_exit(process)
        second = submission(1, [*prompt(150), *answer, 5, 6], 8)
        with running_engine(spec, tmp_path / "log"):
            async with connected(spec.socket_path) as client:
                admitted, tokens = await generated(client, second)
                events = await client.until(is_full)
        other = msgspec.structs.replace(
            spec, prefix_disk=PrefixDisk(str(tmp_path / "cache"), "another template")
        )
        with running_engine(other, tmp_path / "log"):
            async with connected(spec.socket_path) as client:
                foreign, expected = await generated(client, second)

    assert admitted.disk_tokens == admitted.cached_tokens == 158
    assert foreign.disk_tokens == foreign.cached_tokens == 0
    assert tokens == expected == alone(tiny_llama(), second)
    assert events[-1].disk_budget_bytes >= events[-1].disk_bytes


def is_full(event) -> bool:
    return isinstance(event, CacheReport) and min(event.memory_bytes, event.disk_bytes)


async def until_written(root, size) -> None:
    """Wait until the files hold so many tokens, 256 bytes each."""
    while sum(each.nbytes for each in cache_folder.entries(root)) < 256 * size:
        await asyncio.sleep(0.02)


async def test_an_engine_that_ends_in_order_writes_what_it_has(spec, tmp_path):
    first = submission(1, prompt(150), 8)
    async with asyncio.timeout(4 * TIMEOUT_S):
        with running_engine(spec, tmp_path / "log") as process:
            async with connected(spec.socket_path) as client:
                await generated(client, first)
            process.terminate()
            assert await wait_for_exit(process) == 0
        with running_engine(spec, tmp_path / "log"):
            async with connected(spec.socket_path) as client:
                admitted, _ = await generated(client, submission(1, prompt(150)))

    assert admitted.disk_tokens == 149
