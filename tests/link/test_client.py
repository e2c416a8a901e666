import asyncio
import os
import signal
from pathlib import Path

import msgspec
import psutil
import pytest
from link.scripted_engine import DIE, FAIL, REFUSE, WAIT
from link.scripted_sequences import GREEDY, expected, started, tokens, until

from pensieve.errors import (
    ApiError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
)
from pensieve.link.process import quit_engine


async def test_a_sequence_gets_its_tokens_and_the_reason_of_its_end(spec, spawner):
    async with started(spec, spawner) as client:
        assert await tokens(client, [1, 2, 3]) == expected([1, 2, 3])
        assert client.health().status == "ready"
        assert client.health().active == client.health().queued == 0


async def test_how_full_the_cache_is_can_be_asked(spec, spawner):
    async with started(spec, spawner) as client:
        assert client.health().cache == {}
        await tokens(client, [1, 2, 3])

        assert client.health().cache == {
            "memory_bytes": 3,
            "memory_budget_bytes": 100,
            "disk_bytes": 7,
            "disk_budget_bytes": 1000,
            "memory_runs": 2,
            "disk_files": 3,
        }


async def test_sequences_at_a_time_do_not_mix(spec, spawner):
    async with started(spec, spawner) as client:
        prompts = [[1] * size for size in range(1, 5)]
        answers = await asyncio.gather(*(tokens(client, each, 20) for each in prompts))

        assert answers == [expected(each, 20) for each in prompts]


async def test_an_engine_that_dies_is_replaced_and_streams_go_on(spec, spawner):
    async with started(spec, spawner) as client:
        dying, bystander = await asyncio.gather(
            tokens(client, [DIE, 9, 1], 12), tokens(client, [1], 300)
        )

        assert dying == expected([DIE, 9, 1], 12)
        assert bystander == expected([1], 300)
        assert client.health().restarts == 1
        assert len(spawner.processes) == 2


async def test_the_admission_of_the_first_engine_holds(spec, spawner):
    async with started(spec, spawner) as client:
        prompt = [DIE, 3, 1]
        async with client.submit(prompt, 4, [], GREEDY) as sequence:
            first = await sequence.admitted()
            assert [each async for each in sequence]
            assert await sequence.admitted() is first


@pytest.mark.parametrize("num_tokens", [0, 1])
async def test_a_sequence_that_ends_every_engine_is_given_up(spec, spawner, num_tokens):
    async with started(spec, spawner) as client:
        with pytest.raises(
            ApiError, match="while it worked on this request alone"
        ) as failure:
            await tokens(client, [DIE, num_tokens], 5)
        # Not as one that may be tried again: batches would, for ever.
        assert failure.value.type == "api_error"

        assert await tokens(client, [1]) == expected([1])


async def test_an_engine_killed_while_idle_is_replaced(spec, spawner):
    async with started(spec, spawner) as client:
        await until("ready", client)
        os.kill(client.health().pid, signal.SIGKILL)

        assert await tokens(client, [1]) == expected([1])


async def test_a_model_that_does_not_load_fails_all_requests_with_the_reason(
    spec, spawner
):
    spec = msgspec.structs.replace(spec, model_path="broken")
    async with started(spec, spawner) as client:
        waiting = client.submit([1], 5, [], GREEDY)
        with pytest.raises(OverloadedError, match="as scripted"):
            await waiting.admitted()
        with pytest.raises(OverloadedError, match="as scripted"):
            client.submit([1], 5, [], GREEDY)

        assert client.health().status == "failed"
        assert len(spawner.processes) == 1


async def test_an_engine_that_never_starts_is_given_up(spec, spawner):
    spec = msgspec.structs.replace(spec, model_path="dead")
    async with started(spec, spawner) as client:
        await until("failed", client)

        assert "exit status 3" in client.health().message
        assert len(spawner.processes) == 3


async def test_a_full_queue_says_when_to_come_again(spec, spawner):
    async with started(spec, spawner, queue_size=2) as client:
        held = [client.submit([WAIT], 5, [], GREEDY) for _ in range(2)]
        with pytest.raises(RateLimitError) as refused:
            client.submit([1], 5, [], GREEDY)
        assert int(refused.value.headers["retry-after"]) > 0

        async with held[0]:
            pass
        assert await tokens(client, [1]) == expected([1])


async def test_background_work_waits_while_the_batch_is_full(spec, spawner):
    spec = msgspec.structs.replace(spec, max_batch_size=1)
    async with started(spec, spawner) as client:
        live = client.submit([WAIT], 5, [], GREEDY)
        later = asyncio.create_task(tokens(client, [1], is_background=True))
        await live.admitted()
        await asyncio.sleep(0.05)
        assert client.health().active == 1
        assert not later.done()

        async with live:
            pass
        assert await later == expected([1])


async def test_background_work_makes_room_and_goes_on_where_it_was(spec, spawner):
    spec = msgspec.structs.replace(spec, max_batch_size=1)
    async with started(spec, spawner) as client:
        size = 2000
        later = asyncio.create_task(
            tokens(client, [1], size, is_background=True),
        )
        async with asyncio.timeout(20):
            while not client.health().active:
                await asyncio.sleep(0)
        live = client.submit([WAIT], 5, [], GREEDY)
        await live.admitted()
        assert client.health().active == 1
        assert not later.done()

        async with live:
            pass
        assert await later == expected([1], size)


async def test_the_engine_is_told_the_conversation_and_who_goes_last(spec, spawner):
    async with (
        started(spec, spawner) as client,
        client.submit(
            [WAIT], 5, [], GREEDY, conversation_id="session", is_background=True
        ) as sequence,
    ):
        asked = sequence.submit()

    assert (asked.conversation_id, asked.is_background) == ("session", True)


async def test_background_work_takes_no_place_in_the_queue(spec, spawner):
    async with started(spec, spawner, queue_size=1) as client:
        held = [
            client.submit([WAIT], 5, [], GREEDY, is_background=True) for _ in range(3)
        ]

        assert await tokens(client, [1]) == expected([1])
        for each in held:
            async with each:
                pass


async def test_health_counts_what_runs_and_what_is_still_to_be_read(spec, spawner):
    async with started(spec, spawner) as client:
        async with client.submit([WAIT, 1, 2], 5, [], GREEDY) as sequence:
            await sequence.admitted()

            assert client.health().active == 1
            assert client.health().unread_tokens == 3
        assert client.health().unread_tokens == 0


async def test_what_cannot_be_sent_takes_no_place_in_the_queue(spec, spawner):
    async with started(spec, spawner, queue_size=1) as client:
        await until("ready", client)
        with pytest.raises(OverflowError):
            client.submit([1 << 70], 5, [], GREEDY)

        assert await tokens(client, [1]) == expected([1])


async def test_an_answer_whose_last_word_was_lost_ends_by_its_length(spec, spawner):
    async with started(spec, spawner) as client:
        assert await tokens(client, [DIE, 5], 5) == expected([DIE, 5])


async def test_leaving_a_sequence_cancels_it(spec, spawner):
    async with started(spec, spawner) as client:
        async with client.submit([1], 100_000, [], GREEDY) as sequence:
            async for _ in sequence:
                break

        assert await tokens(client, [1, 2]) == expected([1, 2])
        assert client.health().active == 0


async def test_refusals_and_failures_are_raised_where_they_are_waited_for(
    spec, spawner
):
    async with started(spec, spawner) as client:
        with pytest.raises(InvalidRequestError, match="refused as scripted"):
            await client.submit([REFUSE], 5, [], GREEDY).admitted()
        with pytest.raises(ApiError, match="failed as scripted"):
            await tokens(client, [FAIL])


async def test_an_engine_outlives_its_client_and_is_taken_up_again(spec, spawner):
    async with started(spec, spawner) as client:
        await until("ready", client)
        pid = client.health().pid
    async with started(spec, spawner) as client:
        await until("ready", client)

        assert client.health().pid == pid
        assert len(spawner.processes) == 1


async def test_two_clients_at_a_time_share_an_engine(spec, spawner):
    async with started(spec, spawner) as old, started(spec, spawner) as new:
        answers = await asyncio.gather(tokens(old, [1], 50), tokens(new, [1, 2], 50))

        assert answers == [expected([1], 50), expected([1, 2], 50)]
        assert old.health().pid == new.health().pid


async def test_an_engine_with_other_settings_is_replaced_but_never_in_turns(
    spec, spawner
):
    other = msgspec.structs.replace(spec, version="2")
    async with started(spec, spawner) as old:
        await until("ready", old)
        async with started(other, spawner) as new:
            assert await tokens(new, [1]) == expected([1])
            await until("failed", old)

            assert new.health().status == "ready"
            assert "replaced" in old.health().message
            assert len(spawner.processes) == 2


async def test_quitting_ends_the_engine_and_says_whether_there_was_one(spec, spawner):
    async with started(spec, spawner) as client:
        await until("ready", client)
        pid = client.health().pid
    path = Path(spec.socket_path)

    assert await asyncio.to_thread(quit_engine, path)
    spawner.processes[0].wait(timeout=10)
    assert not psutil.pid_exists(pid)
    assert not await asyncio.to_thread(quit_engine, path)


async def test_an_engine_that_does_not_listen_is_killed(spec, spawner):
    async with started(spec, spawner) as client:
        await until("ready", client)
    os.kill(spawner.processes[0].pid, signal.SIGSTOP)

    assert await asyncio.to_thread(quit_engine, Path(spec.socket_path), 0.2)
    assert spawner.processes[0].wait(timeout=10) == -signal.SIGKILL


async def test_what_waits_is_told_when_the_server_shuts_down(spec, spawner):
    async with started(spec, spawner) as client:
        sequence = client.submit([WAIT], 5, [], GREEDY)
    with pytest.raises(OverloadedError, match="shutting down"):
        async for _ in sequence:
            pass
