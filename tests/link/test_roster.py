"""Which of several sequences fails when engines end, and that the others go on."""

import asyncio

import pytest
from link.scripted_engine import CUT, DIE, HANG, KILL
from link.scripted_sequences import expected, started, tokens, until

from pensieve.errors import ApiError
from pensieve.link.blame import MAX_KILLS, PROOF_TOKENS
from pensieve.link.pulse import Patience

IMPATIENT = Patience(silence_s=0.6, step_s=5, loading_s=20)


async def outcomes(client, prompts, max_tokens):
    return await asyncio.gather(
        *(tokens(client, prompt, max_tokens) for prompt in prompts),
        return_exceptions=True,
    )


@pytest.mark.parametrize("num_tokens", [0, 1, 20, PROOF_TOKENS - 1])
@pytest.mark.parametrize("size", [2, 40], ids=["smallest", "largest"])
async def test_who_crashes_every_engine_fails_alone(spec, spawner, num_tokens, size):
    """Wherever it is in the order of trials, and however late it does it."""
    innocents = [[1] * 5, [1] * 10, [1] * 20]
    killer = [DIE, num_tokens] + [1] * (size - 2)
    async with started(spec, spawner, 8) as client:
        *others, failure = await outcomes(client, [*innocents, killer], 200)

        assert isinstance(failure, ApiError)
        assert failure.type == "api_error"
        assert failure.headers == {"x-should-retry": "false"}
        assert others == [expected(prompt, 200) for prompt in innocents]
        assert client.health().restarts == 2


async def test_two_that_crash_engines_both_fail_and_nobody_else(spec, spawner):
    async with started(spec, spawner, 8) as client:
        prompts = [[DIE, 2, 1], [1] * 4, [DIE, 3], [1] * 9]
        first, second, third, fourth = await outcomes(client, prompts, 150)

        assert isinstance(first, ApiError)
        assert isinstance(third, ApiError)
        assert [second, fourth] == [expected([1] * size, 150) for size in (4, 9)]


async def test_who_comes_while_another_is_tried_waits_and_is_answered(spec, spawner):
    async with started(spec, spawner, 8) as client:
        killer = asyncio.create_task(tokens(client, [DIE, 30], 200))
        while client.health().restarts < 1:
            await asyncio.sleep(0.001)

        assert await tokens(client, [1, 2], 20) == expected([1, 2], 20)
        with pytest.raises(ApiError):
            await killer
        assert client.health().restarts == 2


async def test_background_work_that_crashes_engines_fails_alone(spec, spawner):
    async with started(spec, spawner, 8) as client:
        killer = asyncio.create_task(tokens(client, [DIE, 5], 20, is_background=True))
        others = await outcomes(client, [[1] * 3, [1] * 6], 300)

        assert others == [expected([1] * 3, 300), expected([1] * 6, 300)]
        with pytest.raises(ApiError):
            await killer


async def test_who_hangs_every_engine_fails_alone(spec, spawner):
    async with started(spec, spawner, 8, IMPATIENT) as client:
        other, failure = await outcomes(client, [[1] * 4, [HANG, 7]], 100)

        assert other == expected([1] * 4, 100)
        assert isinstance(failure, ApiError)
        assert "said nothing" in str(failure)


async def test_a_crash_now_and_then_fails_nobody(spec, spawner):
    """Twice, with more than the tokens of proof between."""
    size = PROOF_TOKENS + 20
    prompt = [DIE, size]
    async with started(spec, spawner) as client:
        assert await tokens(client, prompt, 3 * size - 5) == (
            expected(prompt, 3 * size - 5)
        )
        assert client.health().restarts == 2


async def test_kills_from_outside_fail_nobody_that_gets_on(spec, spawner, monkeypatch):
    """Each engine is killed at the second token: far more often than MAX_KILLS."""
    monkeypatch.setattr("pensieve.link.deaths.MAX_DELAY_S", 0.1)
    prompts = [[KILL, 2], [1] * 4]
    async with started(spec, spawner) as client:
        answers = await outcomes(client, prompts, 2 * MAX_KILLS + 4)

        assert answers == [expected(each, 2 * MAX_KILLS + 4) for each in prompts]
        assert client.health().restarts >= MAX_KILLS


async def test_who_never_gets_on_under_kills_fails_alone_in_the_end(
    spec, spawner, monkeypatch
):
    monkeypatch.setattr("pensieve.link.deaths.MAX_DELAY_S", 0.2)
    async with started(spec, spawner) as client:
        other, failure = await outcomes(client, [[1] * 4, [KILL, 0]], 100)

        assert other == expected([1] * 4, 100)
        assert isinstance(failure, ApiError)
        assert client.health().restarts == MAX_KILLS


async def test_a_cut_connection_is_no_death(spec, spawner):
    async with started(spec, spawner) as client:
        await until("ready", client)
        pid = client.health().pid
        prompts = [[CUT, 9], [1] * 4]

        assert await outcomes(client, prompts, 60) == [
            expected(each, 60) for each in prompts
        ]
        assert client.health().pid == pid
        assert client.health().restarts == 0
        assert client.health().last_end == "the connection was cut"
        assert len(spawner.processes) == 1
