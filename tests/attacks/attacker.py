"""A process that attacks a server: `attacker.py NAME PORT SIZE`.

It prints "on" once the attack is under way, goes on until its standard input ends, and
then prints one JSON object: how often each status came. "closed" counts connections
that ended without one.
"""

import asyncio
import collections
import contextlib
import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from attacks import requests

AGAIN_S = 1.0
PIECE = b"x" * (1 << 20)
ANSWER_S = 60.0
"""For what a server that keeps its limits answers within seconds."""


class Attack:
    """Counts what comes back, until it is to end."""

    def __init__(self, port, size):
        self.port = port
        self.size = size
        self.statuses = collections.Counter()
        self.ends = asyncio.Event()
        self.is_on = asyncio.Event()

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def answered(self, reader, writer):
        """Read one answer's status, count it, and leave."""
        status = "closed"
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_S):
                line = await reader.readline()
            if line:
                status = line.split()[1].decode()
        self.statuses[status] += 1
        writer.close()

    async def send(self, writer, pieces, pause_s=0.0):
        """Send for as long as the server takes it."""
        with contextlib.suppress(OSError):
            async for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if pause_s:
                    await asyncio.sleep(pause_s)

    async def ask(self, pieces, pause_s=0.0):
        """Send a request, and count its answer, which may come in the middle."""
        try:
            reader, writer = await self.open()
        except OSError:
            self.statuses["closed"] += 1
            return
        sending = asyncio.create_task(self.send(writer, pieces, pause_s))
        await self.answered(reader, writer)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def over_and_over(self, all_pieces):
        """Send all requests in turn until the end, `size` at a time."""

        async def one_after_the_other():
            while True:
                for pieces in all_pieces:
                    await self.ask(pieces())
                self.is_on.set()
                if self.ends.is_set():
                    return

        await asyncio.gather(*(one_after_the_other() for _ in range(self.size)))

    async def all_at_once(self, pieces, pause_s):
        """Hold `size` connections; each is opened again a while after it is refused."""

        async def hold():
            while True:
                await self.ask(pieces(), pause_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.ends.wait(), AGAIN_S)
                if self.ends.is_set():
                    return

        held = asyncio.gather(*(hold() for _ in range(self.size)))
        await asyncio.sleep(0.5)
        self.is_on.set()
        await held


async def once(piece):
    """Yield a request that is one piece."""
    yield piece


async def trickle(head, pieces=10_000):
    """Yield a beginning, then single bytes."""
    yield head
    for _ in range(pieces):
        yield b"x"


async def large(head, chunk_head=b"", chunk_end=b""):
    """Yield a gigabyte behind a head."""
    yield head
    for _ in range(1 << 10):
        yield chunk_head + PIECE + chunk_end


async def header_flood():
    yield b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    for _ in range(1000):
        yield b"A: b\r\n" * 1000


async def idle(attack):
    """Open `size` connections and say nothing on any of them, until all are refused."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY:
        attack.size = min(attack.size, hard - 100)
    at_once = asyncio.Semaphore(200)
    opened = 0

    async def sit():
        nonlocal opened
        async with at_once:
            opened += 1
            try:
                reader, writer = await attack.open()
            except OSError:
                attack.statuses["closed"] += 1
                return
        await attack.answered(reader, writer)

    sitting = [asyncio.create_task(sit()) for _ in range(attack.size)]
    while opened < attack.size / 2:
        await asyncio.sleep(0.01)
    attack.is_on.set()
    await asyncio.gather(*sitting)


def run_of(name, attack):
    """Return the coroutine of an attack."""
    if name == "idle":
        return idle(attack)
    if name == "slow_heads":
        head = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX-A: "
        return attack.all_at_once(lambda: trickle(head), 0.2)
    if name == "slow_bodies":
        head = requests.post(b"{", length=10_000)
        return attack.all_at_once(lambda: trickle(head), 0.2)
    if name == "large_bodies":
        head = requests.post(b"", length=1 << 30)
        return attack.over_and_over([lambda: large(head)])
    if name == "large_chunked_bodies":
        head = requests.post(b"", length=None)
        size = b"%x\r\n" % len(PIECE)
        return attack.over_and_over([lambda: large(head, size, b"\r\n")])
    if name == "header_floods":
        return attack.over_and_over([header_flood])
    plain = getattr(requests, name)()
    return attack.over_and_over([lambda each=each: once(each) for each in plain])


async def main(name, port, size):
    attack = Attack(port, size)
    running = asyncio.create_task(run_of(name, attack))
    await asyncio.wait(
        {running, asyncio.create_task(attack.is_on.wait())},
        return_when=asyncio.FIRST_COMPLETED,
    )
    print("on", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    attack.ends.set()
    await running
    print(json.dumps({"size": attack.size, "statuses": attack.statuses}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
