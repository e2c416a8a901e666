"""How an engine is kept: found again, given up when it is silent, tried again."""

import asyncio
import os
import signal

import msgspec
import pytest
from link.scripted_engine import BUSY, STOP, WAIT
from link.scripted_sequences import GREEDY, expected, started, tokens, until

from pensieve.errors import OverloadedError
from pensieve.link.pulse import Patience

IMPATIENT = Patience(silence_s=0.6, step_s=5, loading_s=20)


async def test_a_stopped_engine_is_killed_and_streams_go_on(spec, spawner):
    async with started(spec, spawner, patience=IMPATIENT) as client:
        assert await tokens(client, [STOP, 9], 30) == expected([STOP, 9], 30)
        assert client.health().restarts == 1
        assert "it was stopped" in client.health().last_end
        assert spawner.processes[0].wait(10) == -signal.SIGKILL


async def test_a_pause_within_the_limit_is_a_pause(spec, spawner):
    patient = Patience(silence_s=60)
    async with started(spec, spawner, patience=patient) as client:
        answer = asyncio.create_task(tokens(client, [STOP, 9], 30))
        await until("ready", client)
        await asyncio.sleep(0.3)
        assert not answer.done()
        os.kill(client.health().pid, signal.SIGCONT)

        assert await answer == expected([STOP, 9], 30)
        assert client.health().restarts == 0


async def test_a_step_without_end_is_given_up(spec, spawner):
    async with started(spec, spawner, patience=IMPATIENT) as client:
        with pytest.raises(Exception, match="one step took longer than 5 s"):
            await tokens(client, [BUSY])

        assert await tokens(client, [1]) == expected([1])


async def test_an_engine_that_is_stopped_while_it_starts_is_killed(spec, spawner):
    async with started(spec, spawner, patience=IMPATIENT) as client:
        while not spawner.processes:
            await asyncio.sleep(0)
        os.kill(spawner.processes[0].pid, signal.SIGSTOP)

        assert await tokens(client, [1]) == expected([1])
        assert len(spawner.processes) == 2


async def test_an_engine_that_an_earlier_worker_started_is_killed_too(spec, spawner):
    async with started(spec, spawner, patience=IMPATIENT) as client:
        await until("ready", client)
    os.kill(spawner.processes[0].pid, signal.SIGSTOP)

    async with started(spec, spawner, patience=IMPATIENT) as client:
        assert await tokens(client, [1]) == expected([1])
        assert spawner.processes[0].wait(10) == -signal.SIGKILL


async def test_a_model_that_was_ready_once_is_never_given_up(spec, spawner):
    spec = msgspec.structs.replace(spec, model_path="breaks")
    async with started(spec, spawner) as client:
        await until("ready", client)
        os.kill(client.health().pid, signal.SIGKILL)

        assert await tokens(client, [1]) == expected([1])
        assert len(spawner.processes) == 3


async def test_health_tells_of_ends_and_of_the_next_try(spec, spawner, monkeypatch):
    monkeypatch.setattr("pensieve.link.deaths.FIRST_DELAY_S", 1.0)
    async with started(spec, spawner) as client:
        await until("ready", client)
        assert client.health().last_end == ""
        assert client.health().next_try_in_s is None
        os.kill(client.health().pid, signal.SIGKILL)
        await until("restarting", client)

        health = client.health()
        assert health.last_end == "SIGKILL"
        assert health.ends_in_a_row == health.restarts == 1
        assert 0 <= health.next_try_in_s <= 1.0
        await until("ready", client)
        assert client.health().next_try_in_s is None


async def test_a_healthy_engine_lets_what_was_before_be_past(spec, spawner):
    async with started(spec, spawner) as client:
        for _ in range(3):
            await until("ready", client)
            os.kill(client.health().pid, signal.SIGKILL)
            await until("restarting", client)
        assert client.health().ends_in_a_row == 3

        assert await tokens(client, [1], 100) == expected([1], 100)
        assert client.health().ends_in_a_row == 0


async def test_an_engine_that_has_just_come_back_gets_on_with_what_waited(
    spec, spawner, monkeypatch
):
    monkeypatch.setattr("pensieve.link.supervisor.MAX_AWAY_S", 1.0)
    async with started(spec, spawner) as client:
        await until("ready", client)
        waiting = client.submit([WAIT], 5, [], GREEDY)
        await waiting.admitted()
        os.kill(client.health().pid, signal.SIGKILL)
        await until("restarting", client)
        await until("ready", client)

        await asyncio.sleep(2)

        assert not waiting.has_ended


async def test_requests_do_not_wait_for_ever_for_an_engine(spec, spawner, monkeypatch):
    monkeypatch.setattr("pensieve.link.supervisor.MAX_AWAY_S", 1.5)
    monkeypatch.setattr("pensieve.link.deaths.FIRST_DELAY_S", 4.0)
    async with started(spec, spawner) as client:
        await until("ready", client)
        waiting = client.submit([WAIT], 5, [], GREEDY)
        await waiting.admitted()
        os.kill(client.health().pid, signal.SIGKILL)
        with pytest.raises(OverloadedError, match="SIGKILL"):
            async for _ in waiting:
                pass
        with pytest.raises(OverloadedError, match="SIGKILL"):
            client.submit([1], 5, [], GREEDY)

        await until("ready", client)
        assert await tokens(client, [1]) == expected([1])
