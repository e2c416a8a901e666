"""Constraints in real engine processes, which are killed while they decode."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest
import regex
from engine.character_vocabulary import END, ids, text
from engine.engine_process import TIMEOUT_S, engine_spec

from pensieve.errors import InvalidRequestError
from pensieve.link.client import EngineClient
from pensieve.link.messages import Constraint, SamplingParams, ThinkingLimit
from pensieve.link.process import quit_engine, spawn_engine

PROMPT = ids("a prompt")
PATTERN = r"[a-z ]{0,60}>(\[[0-9]{1,4}(,[0-9]{1,4}){30,60}\])!"
LIMIT = ThinkingLimit(20, True, [], ids(">"), ids(">"))
CONSTRAINTS = {
    "grammar": Constraint(f"start: /{PATTERN}/"),
    "limit": Constraint(thinking_limit=LIMIT),
    "both": Constraint(f"start: /{PATTERN}/", LIMIT),
    "none": Constraint(),
}


@pytest.fixture
async def client(tiny_llama_path, tmp_path):
    """Start a client of an engine, and make sure that no engine is left."""
    spec = engine_spec(tiny_llama_path, tmp_path / "engine.sock", max_batch_size=8)
    processes = []

    def spawn(spec):
        processes.append(spawn_engine(spec))
        return processes[-1]

    client = EngineClient(spec, queue_size=16, spawn=spawn)
    await client.start()
    try:
        yield client
    finally:
        await client.close()
        quit_engine(Path(spec.socket_path))
        for process in processes:
            process.wait(TIMEOUT_S)


async def answer(client, constraint, on_tokens=lambda num_tokens: None) -> str:
    token_ids: list[int] = []
    sampling = SamplingParams(seed=11)
    async with (
        asyncio.timeout(TIMEOUT_S),
        client.submit(PROMPT, 250, [END], sampling, constraint=constraint) as sequence,
    ):
        async for together in sequence:
            token_ids += together
            on_tokens(len(token_ids))
    return text(token_ids)


async def answers(client, on_tokens=lambda num_tokens: None) -> dict[str, str]:
    answered = await asyncio.gather(
        *(answer(client, each, on_tokens) for each in CONSTRAINTS.values())
    )
    return dict(zip(CONSTRAINTS, answered, strict=True))


async def test_answers_under_constraints_go_on_in_another_engine_as_they_were(client):
    undisturbed = await answers(client)
    marks = [10, 40]  # within thinking and behind it
    killed = []

    def kill(num_tokens: int) -> None:
        engine = client.health()
        # What a dead engine has sent is still being read: it is killed once.
        ready = engine.status == "ready" and engine.pid not in killed
        if ready and len(killed) < len(marks) and num_tokens >= marks[len(killed)]:
            killed.append(engine.pid)
            os.kill(engine.pid, signal.SIGKILL)

    assert await answers(client, kill) == undisturbed
    assert client.health().restarts == len(marks)
    assert regex.fullmatch(PATTERN, undisturbed["grammar"])
    assert regex.fullmatch(PATTERN, undisturbed["both"])
    assert undisturbed["both"].index(">") <= 20
    assert undisturbed["limit"].index(">") <= 20
    assert undisturbed["none"] not in (undisturbed["grammar"], undisturbed["limit"])


async def test_a_grammar_that_cannot_be_compiled_is_the_requests_fault(client):
    async with client.submit(
        PROMPT, 9, [END], SamplingParams(seed=0), Constraint("start: /[/")
    ) as sequence:
        with pytest.raises(InvalidRequestError, match=r"grammar: .*invalid regex"):
            await sequence.admitted()


async def test_others_decode_while_a_large_grammar_is_compiled(client):
    """Its lexemes are many and long: it takes a while, or is refused in the end."""
    words = " | ".join(f'"{i:06}" /[a-z]{{1,{i % 50 + 1}}}{i}/' for i in range(4000))
    large = Constraint(f"start: ({words})+")
    told = []

    async def compile_large() -> None:
        sampling = SamplingParams(seed=0)
        async with client.submit(PROMPT, 2, [END], sampling, large) as sequence:
            with contextlib.suppress(InvalidRequestError):
                await sequence.admitted()
            told.append("compiled")

    async def decode() -> None:
        await answer(client, CONSTRAINTS["none"], told.append)

    await answer(client, CONSTRAINTS["none"])  # the engine is ready
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(compile_large(), decode())

    assert told.index("compiled") > 0


async def test_a_grammar_of_very_many_rules_does_not_end_the_engine(client):
    rules = [f'r{i}: "a" r{i + 1}' for i in range(20_000)]
    grammar = "\n".join(["start: r0", *rules, 'r20000: "b"'])

    async with client.submit(
        PROMPT, 4, [END], SamplingParams(seed=0), Constraint(grammar)
    ) as sequence:
        async with asyncio.timeout(TIMEOUT_S):
            token_ids = [each async for together in sequence for each in together]

    assert text(token_ids) == "aaaa"
    assert client.health().restarts == 0
