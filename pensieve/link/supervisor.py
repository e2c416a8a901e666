"""An engine for as long as it is wanted: found, started, watched, started again.

The supervisor finds the engine on its socket or starts one, passes on what it says, and
starts another when it ends.
"""

import asyncio
import contextlib
import logging
import subprocess
import time
from collections.abc import Callable
from typing import Literal

from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import (
    PROTOCOL_VERSION,
    EngineSpec,
    EngineState,
    Event,
    Hello,
    Quit,
    Request,
)
from pensieve.link.process import log_file

log = logging.getLogger("pensieve.link")

Status = Literal["starting", "loading", "ready", "restarting", "failed"]

MAX_DEATHS = 3
"""Engines that may end in a row before one is ready."""
CONNECT_INTERVAL_S = 0.05
SOCKET_GRACE_S = 2.0
"""How long after a new engine's end its socket may still turn up: then another worker's
engine was first."""
REAP_TIMEOUT_S = 2.0


class EngineGoneError(Exception):
    """The engine ended, or could not be started."""


class Supervisor:
    """Keeps one engine. Of one event loop.

    Args:
        spec: the engine that is wanted; one that lives already is taken if equal.
        spawn: starts the process.
        on_event: called with what the engine says of sequences.
        on_ready, on_end: called when there is an engine, and when there is none.
        on_failed: called with the reason when there will be none.
    """

    def __init__(
        self,
        spec: EngineSpec,
        spawn: Callable[[EngineSpec], subprocess.Popen[bytes]],
        *,
        on_event: Callable[[Event], object],
        on_ready: Callable[[], object],
        on_end: Callable[[], object],
        on_failed: Callable[[str], object],
    ) -> None:
        self.status: Status = "starting"
        self.state: EngineState | None = None
        """Of the engine of now."""
        self.message = ""
        self.num_restarts = 0
        self._spec = spec
        self._spawn = spawn
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_end = on_end
        self._on_failed = on_failed
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for an engine; returns at once."""
        self._task = asyncio.create_task(self._supervise())

    async def close(self) -> None:
        """Let go of the engine."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def send(self, request: Request) -> None:
        """Pass a request to the engine of now, if there is one."""
        if self._writer is not None:
            self._writer.write(encode_frame(request))

    async def _supervise(self) -> None:
        """Have an engine until one fails or too many end."""
        deaths = 0
        while self.status != "failed":
            try:
                await self._attend(may_replace=self.num_restarts == 0)
            except EngineGoneError as error:
                deaths = 1 if self.status == "ready" else deaths + 1
                await self._reap()
                self._mourn(deaths, error)
                await asyncio.sleep(deaths - 1)
            except Exception as error:
                log.exception("the link to the engine broke")
                self._set_failed(f"the link to the engine broke: {error}")

    async def _attend(self, may_replace: bool) -> None:
        """Serve one engine's connection, to its end or until it says it failed.

        Raises:
            EngineGoneError: it ended by itself.
        """
        reader, writer = await self._connect()
        self._writer = writer
        decoder: FrameDecoder[Event] = FrameDecoder(Event)
        try:
            self.send(Hello(PROTOCOL_VERSION))
            while received := await reader.read(1 << 16):
                for message in decoder.feed(received):
                    if not isinstance(message, EngineState):
                        self._on_event(message)
                    elif message.spec == self._spec:
                        self._take_state(message)
                    else:
                        await self._replace(message.pid, reader, may_replace)
                        return
                    if self.status == "failed":
                        return
        except OSError as error:
            raise EngineGoneError(str(error)) from error
        finally:
            self._writer = None
            writer.close()
        raise EngineGoneError("it closed the connection")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the engine that listens, or start one.

        Raises:
            EngineGoneError: the one that was started ended.
        """
        ended_at = None
        started = None
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return await asyncio.open_unix_connection(self._spec.socket_path)
            if started is None:
                try:
                    self._process = started = self._spawn(self._spec)
                except OSError as error:
                    raise EngineGoneError(f"it cannot be started: {error}") from error
            elif started.poll() is not None:
                ended_at = ended_at or time.monotonic()
                if time.monotonic() - ended_at > SOCKET_GRACE_S:
                    raise EngineGoneError(f"exit status {started.returncode}")
            await asyncio.sleep(CONNECT_INTERVAL_S)

    async def _reap(self) -> None:
        """Take the exit status of an engine that has ended, which frees its entry."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, REAP_TIMEOUT_S)

    async def _replace(
        self, pid: int, reader: asyncio.StreamReader, may_replace: bool
    ) -> None:
        """End an engine that runs something else, so that ours can be started.

        Only at the start: two workers must not take turns in ending each other's.
        """
        if not may_replace:
            self._set_failed("another worker started an engine with other settings")
            return
        log.info("engine %d runs with other settings: replaced", pid)
        self.send(Quit())
        while await reader.read(1 << 16):
            pass

    def _take_state(self, state: EngineState) -> None:
        self.state = state
        self.message = state.message
        if state.status == "failed":
            self._set_failed(state.message)
            return
        self.status = state.status
        if state.status == "ready":
            log.info("engine %d is ready: %s", state.pid, state.message)
            self._on_ready()

    def _mourn(self, deaths: int, error: EngineGoneError) -> None:
        """Note an engine's end, and prepare for the next."""
        self.state = None
        if deaths >= MAX_DEATHS:
            self._set_failed(
                f"the engine ended {deaths} times before it was ready ({error});"
                f" see {log_file()}"
            )
            return
        self.num_restarts += 1
        self.status = "restarting"
        self.message = f"the engine ended: {error}"
        log.warning("the engine ended (%s); starting another", error)
        self._on_end()

    def _set_failed(self, message: str) -> None:
        log.error("no engine: %s", message)
        self.status = "failed"
        self.message = message
        self._on_failed(message)
