"""The client of the HTTP process and real engines, which are killed."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest
from engine.engine_process import TIMEOUT_S, engine_spec

from pensieve.errors import OverloadedError
from pensieve.link.client import EngineClient
from pensieve.link.messages import SamplingParams
from pensieve.link.process import quit_engine, spawn_engine

PROMPT = [5, 6, 7, 8]
MAX_TOKENS = 300
SAMPLINGS = [
    SamplingParams(seed=0, temperature=0),
    SamplingParams(seed=2**63 + 1),
    SamplingParams(seed=4, top_k=30, top_p=0.95),
]


class Spawner:
    """Starts real engines and knows them all."""

    def __init__(self) -> None:
        self.processes = []

    def __call__(self, spec):
        self.processes.append(spawn_engine(spec))
        return self.processes[-1]


@pytest.fixture
def spec(tiny_llama_path, tmp_path):
    return engine_spec(tiny_llama_path, tmp_path / "engine.sock")


@pytest.fixture
def spawner(spec):
    """Make sure that no engine is left, and that those that were asked to end did."""
    spawner = Spawner()
    yield spawner
    quit_engine(Path(spec.socket_path))
    for process in spawner.processes:
        process.wait(TIMEOUT_S)


@contextlib.asynccontextmanager
async def started(spec, spawner):
    client = EngineClient(spec, queue_size=16, spawn=spawner)
    await client.start()
    try:
        await until("ready", client)
        yield client
    finally:
        await client.close()


async def until(status, client) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while client.health().status != status:
            await asyncio.sleep(0.01)


async def generated(client, sampling, on_tokens=lambda num_tokens: None) -> list[int]:
    """Return a sequence's tokens; tell how many there are as they come."""
    tokens: list[int] = []
    async with client.submit(PROMPT, MAX_TOKENS, [], sampling) as sequence:
        async with asyncio.timeout(TIMEOUT_S):
            async for together in sequence:
                tokens += together
                on_tokens(len(tokens))
    assert len(tokens) == MAX_TOKENS
    return tokens


async def all_generated(client, on_tokens=lambda num_tokens: None) -> list[list[int]]:
    return await asyncio.gather(
        *(generated(client, sampling, on_tokens) for sampling in SAMPLINGS)
    )


async def test_an_engine_killed_while_idle_is_replaced_and_answers(spec, spawner):
    async with started(spec, spawner) as client:
        before = await generated(client, SAMPLINGS[1])
        os.kill(client.health().pid, signal.SIGKILL)

        assert await generated(client, SAMPLINGS[1]) == before
        assert client.health().restarts == 1


async def test_streams_of_a_killed_engine_go_on_as_if_nothing_had_been(spec, spawner):
    """Killed twice, between tokens; greedy, seeded and filtered sequences alike."""
    async with started(spec, spawner) as client:
        undisturbed = await all_generated(client)
        marks = [20, 150]

        def kill(num_tokens: int) -> None:
            if marks and num_tokens >= marks[0] and client.health().status == "ready":
                del marks[0]
                os.kill(client.health().pid, signal.SIGKILL)

        assert await all_generated(client, kill) == undisturbed
        assert client.health().restarts == 2


async def test_the_next_client_takes_the_engine_up(spec, spawner):
    """As a restarted or reloaded worker does; both may be there at a time."""
    async with started(spec, spawner) as old, started(spec, spawner) as new:
        assert new.health().pid == old.health().pid
        assert await generated(new, SAMPLINGS[0]) == await generated(old, SAMPLINGS[0])
    async with started(spec, spawner) as latest:
        assert latest.health().pid == spawner.processes[0].pid

    assert len(spawner.processes) == 1


async def test_clients_that_start_at_once_share_one_engine(spec, spawner):
    async with contextlib.AsyncExitStack() as stack:
        clients = await asyncio.gather(
            *(stack.enter_async_context(started(spec, spawner)) for _ in range(3))
        )

        assert len({client.health().pid for client in clients}) == 1
        assert {client.health().restarts for client in clients} == {0}


async def test_an_engine_of_other_settings_makes_room_for_ours(
    tiny_llama_path, tmp_path, spec, spawner
):
    other = engine_spec(tiny_llama_path, tmp_path / "engine.sock", max_batch_size=2)
    async with started(other, spawner):
        pass
    async with started(spec, spawner) as client:
        assert client.health().pid == spawner.processes[-1].pid
        assert client.health().restarts == 0
        spawner.processes[0].wait(TIMEOUT_S)


async def test_a_model_that_cannot_load_fails_requests_with_its_reason(
    tmp_path, spawner
):
    spec = engine_spec(tmp_path / "no-model", tmp_path / "engine.sock")
    client = EngineClient(spec, queue_size=4, spawn=spawner)
    await client.start()
    await until("failed", client)

    assert str(tmp_path / "no-model") in client.health().message
    with pytest.raises(OverloadedError, match="no-model"):
        client.submit(PROMPT, 1, [], SAMPLINGS[0])
    await client.close()


async def test_an_engine_whose_worker_was_killed_ends_by_itself(
    tiny_llama_path, tmp_path, spawner
):
    spec = engine_spec(tiny_llama_path, tmp_path / "engine.sock", linger_s=0.5)
    async with started(spec, spawner) as client:
        pid = client.health().pid

    spawner.processes[0].wait(TIMEOUT_S)
    assert not psutil.pid_exists(pid)
