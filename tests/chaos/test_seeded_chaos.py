"""Seeded and greedy sequences through engines that are killed, stopped and cut off.

The API has no seed, so this is the link's client itself, in this process.
"""

import asyncio
import contextlib
import os
import time
from pathlib import Path

import psutil
import pytest
from chaos.duration import BOUND_S, CHAOS_S, dice
from chaos.margins import is_close
from chaos.monkeys import MAX_CALM_S, Monkeys

from pensieve.link.client import EngineClient
from pensieve.link.messages import EngineSpec, SamplingParams
from pensieve.link.process import quit_engine, spawn_engine
from pensieve.link.pulse import Patience

pytestmark = [pytest.mark.slow, pytest.mark.patient]

SHARE = 0.3
MAX_TOKENS = 80
PROMPTS = [[*range(40 + size, 40 + 2 * size)] for size in (20, 100)]
SAMPLINGS = [
    SamplingParams(seed=0, temperature=0),
    SamplingParams(seed=2**63 + 1),
    SamplingParams(seed=4, temperature=0.7, top_k=30),
    SamplingParams(seed=9, top_p=0.95),
]


class Engines:
    """Starts engines and knows them all."""

    def __init__(self) -> None:
        self.processes = []

    def __call__(self, spec):
        self.processes.append(spawn_engine(spec))
        return self.processes[-1]

    def pids(self) -> list[int]:
        return [each.pid for each in self.processes if each.returncode is None]


async def generated(client, prompt, sampling) -> list[int]:
    tokens: list[int] = []
    async with (
        asyncio.timeout(BOUND_S),
        client.submit(prompt, MAX_TOKENS, [], sampling) as sequence,
    ):
        async for together in sequence:
            tokens += together
    return tokens


async def left_and_generated(client, prompt, sampling, num_tokens) -> list[int]:
    """Leave a sequence in the middle, and ask for it again."""
    num_read = 0
    async with (
        asyncio.timeout(BOUND_S),
        client.submit(prompt, MAX_TOKENS, [], sampling) as sequence,
    ):
        async for together in sequence:
            num_read += len(together)
            if num_read >= num_tokens:
                break
    return await generated(client, prompt, sampling)


async def test_seeded_sequences_come_out_as_ever(smollm2_path, tmp_path):
    spec = EngineSpec(
        str(smollm2_path),
        str(tmp_path / "engine.sock"),
        "chaos",
        max_batch_size=6,
        prefill_chunk=32,
    )
    engines = Engines()
    client = EngineClient(spec, 64, engines, Patience(silence_s=8))
    await client.start()
    questions = [(prompt, sampling) for prompt in PROMPTS for sampling in SAMPLINGS]
    try:
        begun = time.monotonic()
        undisturbed = await asyncio.gather(*(generated(client, *q) for q in questions))
        # Without a disk, an engine gets as far as one life lets it: on a busy machine
        # a few seconds may be none.
        calm_s = max(MAX_CALM_S, (time.monotonic() - begun) / 2)
        num_descriptors = psutil.Process().num_fds()
        monkeys = Monkeys(
            dice("seeded"),
            spec.socket_path,
            engines.pids,
            lambda: client.health().status == "ready",
            os.getpid,
            max_calm_s=calm_s,
        )
        until = asyncio.get_running_loop().time() + CHAOS_S * SHARE
        choices = dice("questions")
        differing = []
        num_answers = 0

        async def ask() -> None:
            nonlocal num_answers
            while asyncio.get_running_loop().time() < until:
                number = choices.randrange(len(questions))
                prompt, sampling = questions[number]
                if choices.random() < 0.3:
                    size = choices.randrange(1, MAX_TOKENS)
                    got = await left_and_generated(client, prompt, sampling, size)
                else:
                    got = await generated(client, prompt, sampling)
                num_answers += 1
                if got != undisturbed[number]:
                    differing.append((prompt, undisturbed[number], got, sampling))

        monkeys.start()
        try:
            await asyncio.gather(*(ask() for _ in range(5)))
        finally:
            await asyncio.to_thread(monkeys.__exit__)
        health = client.health()
        print(f"chaos: seeded: {num_answers} answers, {health.restarts} restarts")

        assert num_answers > 0
        assert health.active == health.queued == 0
        assert not [each for each in differing if not is_close(smollm2_path, *each)]
        assert psutil.Process().num_fds() <= num_descriptors + 2
    finally:
        await client.close()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(quit_engine, Path(spec.socket_path))
        for process in engines.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
