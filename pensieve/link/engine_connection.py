"""One connection to an engine: requests out, its events in, and whether it still lives.

It ends when the engine closes it, and when the engine does not answer: then the process
at its other end is killed.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncGenerator
from typing import Self

from pensieve.link.deaths import EngineEnd, is_short_of_memory, num_oom_kills
from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import (
    PROTOCOL_VERSION,
    EngineSpec,
    EngineState,
    Event,
    Hello,
    Ping,
    Pong,
    Request,
)
from pensieve.link.process import is_stopped, listener_pid
from pensieve.link.pulse import Patience, Pulse
from pensieve.link.received import Received

log = logging.getLogger("pensieve.link")

TELL_S = 5.0
"""What an engine gets to say what it was started with."""


async def spec_at(socket_path: str, patience: Patience) -> EngineSpec | None:
    """Return what the engine that listens there was started with.

    None: none does, or it does not say so in time, or not in these words.
    """
    connection = await EngineConnection.open(socket_path, patience)
    if connection is None:
        return None
    connection.send(Hello(PROTOCOL_VERSION))
    try:
        async with (
            asyncio.timeout(TELL_S),
            contextlib.aclosing(connection.events()) as told,
        ):
            async for events in told:
                for event in events:
                    if isinstance(event, EngineState):
                        return event.spec
    except TimeoutError:
        pass
    finally:
        connection.abort()
    return None


class EngineConnection:
    """An async context manager, which watches the engine until its exit.

    Attributes:
        pid: the process that listens at the other end, as the kernel knows it.
        verdict: why the engine was given up, if it was.
    """

    def __init__(
        self,
        received: Received,
        transport: asyncio.Transport,
        patience: Patience,
    ) -> None:
        self.pid = listener_pid(transport.get_extra_info("socket"))
        self.verdict: EngineEnd | None = None
        self._received = received
        self._transport = transport
        self._interval_s = patience.interval_s
        self._pulse = Pulse(patience, lambda: is_stopped(self.pid))
        self._told_pid = self.pid
        self._oom_kills = num_oom_kills()
        self._is_short_of_memory = False
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, socket_path: str, patience: Patience) -> Self | None:
        """Connect to the engine that listens there; None: none does."""
        try:
            loop = asyncio.get_running_loop()
            transport, received = await loop.create_unix_connection(
                Received, socket_path
            )
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        return cls(received, transport, patience)

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._watch_over())
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._watch is not None
        self._watch.cancel()
        self.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch

    @property
    def is_out_of_memory(self) -> bool:
        """Whether an end by SIGKILL is likely to be for want of memory."""
        return self._is_short_of_memory or num_oom_kills() > self._oom_kills

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    async def lasts(self, timeout_s: float) -> bool:
        """Find out whether somebody is there, and end the connection.

        A process that ends closes one socket after the other, so that it may still be
        connected to. One that is stopped says nothing, but is there.
        """
        self.send(Hello(PROTOCOL_VERSION))
        try:
            async with asyncio.timeout(timeout_s):
                return bool(await self._received.read())
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            self.abort()

    def send(self, request: Request) -> None:
        """Write a request; one to an engine that is gone is dropped, as `events` ends.

        uvloop raises where it is written to what is closed, before it says that it is.
        """
        if not self._transport.is_closing():
            self._transport.write(encode_frame(request))

    async def events(self) -> AsyncGenerator[list[Event]]:
        """Yield what the engine says, as it comes, until the connection ends."""
        decoder: FrameDecoder[Event] = FrameDecoder(Event)
        try:
            while received := await self._received.read():
                self._pulse.hear()
                events = decoder.feed(received)
                for event in events:
                    if isinstance(event, EngineState):
                        self._told_pid = event.pid
                        self._pulse.is_loading = event.status == "loading"
                    elif isinstance(event, Pong):
                        self._pulse.take_pong(event.busy_s)
                yield events
        except OSError as error:
            log.warning("the connection to engine %d broke: %s", self.pid, error)

    async def _watch_over(self) -> None:
        asked_at = time.monotonic()
        while True:
            self.send(Ping())
            await asyncio.sleep(self._interval_s)
            self._is_short_of_memory = is_short_of_memory()
            elapsed_s, asked_at = time.monotonic() - asked_at, time.monotonic()
            self.verdict = self._pulse.tick(elapsed_s)
            if self.verdict is not None:
                break
        self.kill(self.verdict.reason)

    def kill(self, reason: str) -> None:
        """End the engine's process, and the connection."""
        # The connection is open, so the pid is still that of the process behind it; a
        # relay between would not be the engine.
        if self._told_pid == self.pid:
            log.error("engine %d is killed: %s", self.pid, reason)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        else:
            log.error("engine %d is out of reach: %s", self._told_pid, reason)
        self.abort()
