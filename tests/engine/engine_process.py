"""A real engine process on a tiny model, and a client that speaks in frames."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import EngineSpec, EngineState, Event, Hello, MemoryReport

TIMEOUT_S = 60
"""For what takes seconds on a loaded machine; nothing is asserted of it."""


def engine_spec(model_path: Path, socket_path: Path, **changes) -> EngineSpec:
    fields = {"max_batch_size": 4, "prefill_chunk": 8, "linger_s": 20.0} | changes
    return EngineSpec(str(model_path), str(socket_path), version="test", **fields)


def start_engine(spec: EngineSpec, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pensieve.engine", "--spec"]
    command.append(msgspec.json.encode(spec).decode())
    with log.open("ab") as file:
        return subprocess.Popen(command, stderr=file, start_new_session=True)


@contextlib.contextmanager
def running_engine(spec: EngineSpec, log: Path):
    """Start an engine; make sure that it is gone afterwards."""
    process = start_engine(spec, log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class FrameClient:
    """One connection to an engine."""

    def __init__(self, reader, writer) -> None:
        self.reader = reader
        self.writer = writer
        self._decoder = FrameDecoder[Event](Event)
        self._events: list[Event] = []
        self.reports: list[MemoryReport] = []
        """What was said of memory, which comes between the other events."""

    def send(self, *requests) -> None:
        self.writer.write(b"".join(map(encode_frame, requests)))

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the engine says until it closes the connection."""
        while True:
            while self._events:
                yield self._events.pop(0)
            async with asyncio.timeout(TIMEOUT_S):
                piece = await self.reader.read(1 << 16)
            if not piece:
                return
            for event in self._decoder.feed(piece):
                is_report = isinstance(event, MemoryReport)
                (self.reports if is_report else self._events).append(event)

    async def until(self, condition) -> list[Event]:
        """Return the events up to and with the first that meets the condition."""
        seen = []
        async for event in self.events():
            seen.append(event)
            if condition(event):
                return seen
        raise AssertionError(f"the engine closed the connection after {seen}")

    async def report(self, condition) -> MemoryReport:
        """Wait until memory is as wanted; other events are dropped."""
        while True:
            for report in self.reports:
                if condition(report):
                    return report
            async with asyncio.timeout(TIMEOUT_S):
                piece = await self.reader.read(1 << 16)
            if not piece:
                raise AssertionError(f"the engine closed the connection: {self}")
            events = self._decoder.feed(piece)
            self.reports += [each for each in events if isinstance(each, MemoryReport)]

    async def ready(self) -> EngineState:
        return (await self.until(lambda event: status(event) == "ready"))[-1]

    async def closed(self) -> list[Event]:
        """Wait until the engine closes the connection; return what it said before."""
        try:
            return [event async for event in self.events()]
        except ConnectionError:
            return []


@contextlib.asynccontextmanager
async def connected(socket_path, hello: bool = True):
    """Connect as soon as the engine listens."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                streams = await asyncio.open_unix_connection(socket_path)
                break
            await asyncio.sleep(0.02)
    client = FrameClient(*streams)
    if hello:
        client.send(Hello(protocol_version=1))
    try:
        yield client
    finally:
        client.writer.close()
        with contextlib.suppress(ConnectionError):
            await client.writer.wait_closed()


def status(event: Event) -> str | None:
    return event.status if isinstance(event, EngineState) else None


async def wait_for_exit(process: subprocess.Popen[bytes]) -> int:
    async with asyncio.timeout(TIMEOUT_S):
        while process.poll() is None:
            await asyncio.sleep(0.02)
    return process.returncode
