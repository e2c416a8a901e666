"""Engines that are needed no more, started again, and taken up from others."""

import asyncio

import msgspec
from link.scripted_engine import WAIT
from link.scripted_sequences import GREEDY, expected, started, tokens, until

from pensieve.link.client import EngineClient
from pensieve.link.pulse import Patience


async def test_a_released_engine_is_gone_and_another_serves_after_the_next_start(
    spec, spawner
):
    async with started(spec, spawner) as client:
        assert await tokens(client, [1]) == expected([1])

        await client.release()

        assert client.health().status == "unloaded"
        assert client.health().pid is None
        assert client.health().cache == {}
        assert spawner.processes[0].poll() == 0

        await client.start()
        assert await tokens(client, [1, 2]) == expected([1, 2])
        assert len(spawner.processes) == 2
        assert client.health().restarts == 0


async def test_a_sequence_that_comes_between_waits_for_the_next_engine(spec, spawner):
    async with started(spec, spawner) as client:
        await until("ready", client)
        await client.release()
        waiting = asyncio.create_task(tokens(client, [1, 2]))
        await asyncio.sleep(0)

        await client.start()

        assert await waiting == expected([1, 2])


async def test_an_engine_that_has_not_listened_yet_can_be_released(spec, spawner):
    async with started(spec, spawner) as client:
        while not spawner.processes:
            await asyncio.sleep(0)

        await client.release()

        assert spawner.processes[0].poll() is not None
        assert client.health().status == "unloaded"


async def test_a_released_engine_stays_for_another_worker(spec, spawner):
    async with started(spec, spawner) as leaving, started(spec, spawner) as staying:
        await until("ready", leaving)
        await until("ready", staying)
        async with staying.submit([WAIT], 5, [], GREEDY) as sequence:
            await sequence.admitted()

            await leaving.release()

            assert leaving.health().status == "unloaded"
            assert staying.health().status == "ready"
            assert staying.health().active == 1
            assert await tokens(staying, [1]) == expected([1])


async def test_an_engine_that_does_not_end_is_killed(spec, spawner, monkeypatch):
    monkeypatch.setattr("pensieve.link.supervisor.RELEASE_S", 0.2)
    stubborn = msgspec.structs.replace(spec, model_path="stubborn")
    async with started(stubborn, spawner) as client:
        await until("ready", client)

        await client.release()

        assert spawner.processes[0].poll() == -9


async def test_an_engine_of_ours_that_runs_is_taken_up(spec, spawner):
    async with started(spec, spawner) as before:
        await until("ready", before)
        pid = before.health().pid

    client = EngineClient(spec, 4, spawner, Patience())
    await client.take_up()
    await until("ready", client)

    assert client.health().pid == pid
    assert await tokens(client, [1]) == expected([1])
    await client.close()


async def test_where_none_runs_none_is_started(spec, spawner):
    client = EngineClient(spec, 4, spawner, Patience())

    await client.take_up()

    assert client.health().status == "unloaded"
    assert spawner.processes == []


async def test_one_that_runs_something_else_is_ended_instead(spec, spawner):
    async with started(spec, spawner) as before:
        await until("ready", before)

    other = msgspec.structs.replace(spec, max_batch_size=1)
    client = EngineClient(other, 4, spawner, Patience())
    await client.take_up()

    assert client.health().status == "unloaded"
    assert spawner.processes[0].wait(20) == 0
    assert len(spawner.processes) == 1
