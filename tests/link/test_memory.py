"""Whether memory lets requests in, with the engine's word and without."""

import asyncio
import contextlib
import sys

import pytest
from link.scripted_engine import SAY, SHORT, memory_report, token_at

from pensieve.errors import OverloadedError, RateLimitError
from pensieve.link.client import EngineClient
from pensieve.link.memory import MemoryWatch
from pensieve.link.messages import Failed, SamplingParams, Submit
from pensieve.link.process import OOM_SCORE_ADJ, spawn_engine
from pensieve.link.sequence import Sequence
from pensieve.machine_memory import Reading
from pensieve.memory_states import MemoryState, MemoryThresholds

MB = 1 << 20
GREEDY = SamplingParams(seed=0, temperature=0)
SAFE, CAUTION, WARNING, CRITICAL, EMERGENCY = MemoryState


class Machine:
    """What a reading of memory says."""

    def __init__(self, free_mb=50_000):
        self.free_mb = free_mb

    def __call__(self):
        return Reading(self.free_mb * MB, "machine")


@contextlib.asynccontextmanager
async def started(spec, spawner, machine):
    client = EngineClient(spec, 8, spawner, read=machine)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def tokens(client, prompt, max_tokens=5, **options):
    async with client.submit(prompt, max_tokens, [], GREEDY, **options) as sequence:
        return [each async for together in sequence for each in together]


def expected(prompt, max_tokens=5):
    return [token_at(len(prompt) + i) for i in range(max_tokens)]


@pytest.mark.parametrize("free_mb", [700, 300])
def test_while_memory_is_short_a_request_is_told_when_to_come_again(spec, free_mb):
    """Also while there is no engine yet."""
    client = EngineClient(spec, 8, read=Machine(free_mb))

    with pytest.raises(RateLimitError) as refused:
        client.submit([1], 5, [], GREEDY)

    assert int(refused.value.headers["retry-after"]) > 0
    assert str(refused.value) == (
        f"memory is short: {free_mb} MB are left, and requests are taken from 1024 MB"
    )
    assert client.memory().state == ("critical" if free_mb > 512 else "emergency")


@pytest.mark.parametrize("free_mb", [9000, 1500, 1100])
def test_above_that_requests_are_taken(spec, free_mb):
    EngineClient(spec, 8, read=Machine(free_mb)).submit([1], 5, [], GREEDY)


async def test_background_work_is_not_refused_but_waits(spec, spawner):
    async with started(spec, spawner, Machine()) as client:
        assert await tokens(client, [SAY, CRITICAL]) == expected([SAY, CRITICAL])
        with pytest.raises(RateLimitError):
            client.submit([1], 5, [], GREEDY)

        later = asyncio.create_task(tokens(client, [1], is_background=True))
        await asyncio.sleep(0.05)
        assert client.health().queued == 1
        assert not later.done()

        client._memory.take(memory_report(SAFE))
        client._roster.reconsider()
        assert await later == expected([1])


async def test_the_engines_word_holds_where_it_is_worse(spec, spawner):
    """It knows of the GPU."""
    async with started(spec, spawner, Machine()) as client:
        await tokens(client, [SAY, WARNING])

        health = client.memory()
        assert (health.state, health.free_bytes) == ("warning", 600 * MB)
        assert health.bound == "GPU"
        assert health.mlx_active_bytes == 3
        assert health.mlx_peak_bytes == 4
        assert health.mlx_cache_bytes == 5


def test_a_reading_of_its_own_holds_where_that_is_worse():
    watch = MemoryWatch(MemoryThresholds(), Machine(1500))
    watch.take(memory_report(SAFE))

    assert watch.health().state == "caution"
    assert watch.health().free_bytes == 1500 * MB


async def test_an_engine_that_gives_its_memory_back_is_nobodys_fault(spec, spawner):
    """It ends more often than a sequence may end engines."""
    async with started(spec, spawner, Machine()) as client:
        prompt = [SHORT, 2]
        bystander = [1, 2, 3]
        answers = await asyncio.gather(
            tokens(client, prompt, 11), tokens(client, bystander, 40)
        )

        assert answers == [expected(prompt, 11), expected(bystander, 40)]
        assert client.health().restarts == 5
        assert client.memory().done == "ended the engine, to start it again empty"
        assert client.memory().state == "safe"  # the next one has said nothing


async def test_a_sequence_ended_for_want_of_memory_says_so():
    submit = Submit(1, [1], 5, [], GREEDY, prompt_size=1)
    sequence = Sequence(submit, on_exit=lambda sequence: None)
    sequence.take(Failed(1, "memory: 300 MB are left", is_overload=True))

    with pytest.raises(OverloadedError, match="300 MB are left"):
        await sequence.admitted()


def test_each_change_is_one_line_of_the_log(caplog):
    machine = Machine()
    watch = MemoryWatch(MemoryThresholds(), machine)
    watch.take(memory_report(SAFE))
    watch.take(memory_report(CRITICAL))
    watch.take(memory_report(CRITICAL))
    watch.take(memory_report(SAFE))

    assert [record.message for record in caplog.records] == [
        "memory: critical, 600 MB free (GPU)",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="no such score elsewhere")
def test_where_memory_runs_out_the_kernel_takes_the_engine_first(spec):
    process = spawn_engine(spec)
    try:
        with open(f"/proc/{process.pid}/oom_score_adj") as file:
            score = int(file.read())
        with open("/proc/self/oom_score_adj") as file:
            own = int(file.read())
    finally:
        process.kill()
        process.wait()

    assert score == min(1000, own + OOM_SCORE_ADJ)
