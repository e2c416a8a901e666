"""Sequences on scripted engines: submitted, read, and what they should have been."""

import asyncio
import contextlib

from link.scripted_engine import token_at

from pensieve.link.client import EngineClient
from pensieve.link.messages import SamplingParams
from pensieve.link.pulse import Patience

GREEDY = SamplingParams(seed=0, temperature=0)
TIMEOUT_S = 60
"""For what takes some seconds at most; nothing is asserted of it."""


@contextlib.asynccontextmanager
async def started(spec, spawner, queue_size=4, patience=None):
    client = EngineClient(spec, queue_size, spawner, patience or Patience())
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def until(status, client):
    async with asyncio.timeout(TIMEOUT_S):
        while client.health().status != status:
            await asyncio.sleep(0.01)


async def tokens(client, prompt, max_tokens=5, **options):
    """Return the tokens of one sequence, and why it ended."""
    async with (
        asyncio.timeout(TIMEOUT_S),
        client.submit(prompt, max_tokens, [], GREEDY, **options) as sequence,
    ):
        together = [token_ids async for token_ids in sequence]
        return [each for token_ids in together for each in token_ids], (
            sequence.finish_reason
        )


def expected(prompt, max_tokens=5):
    positions = range(len(prompt), len(prompt) + max_tokens)
    return [token_at(position) for position in positions], "max_tokens"
