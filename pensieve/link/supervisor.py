"""An engine for as long as it is wanted: found, started, watched, started again.

After an engine's end comes another, and after a cut connection another connection to
the same engine; the next one after ever longer delays, while none of them gets on. A
model that has been ready is never given up.

What ends each wait:

    for a socket         the engine listens; its process ends; it is killed when it has
                         been stopped for `silence_s`, or after `loading_s`
    for a sign of life   any frame; the engine is killed after `silence_s` (`pulse.py`)
    for a step           its end; the engine is killed after `step_s`
    for the weights      "ready" or "failed"; MAX_AWAY_S, then requests are told 529
    for another engine   `delay_s`, MAX_DELAY_S at most; MAX_AWAY_S as above
    for a place inside   the others' ends: each is bounded by `max_tokens` steps
    of suspects          their trials (`blame.py`): a token a step, or two crashes
"""

import asyncio
import contextlib
import logging
import subprocess
import time
from collections.abc import Callable
from typing import Literal

from pensieve import places
from pensieve.link.deaths import MAX_DELAY_S, Cause, EngineEnd, delay_s, end_of
from pensieve.link.engine_connection import EngineConnection
from pensieve.link.messages import (
    EXIT_SOCKET_TAKEN,
    PROTOCOL_VERSION,
    EngineSpec,
    EngineState,
    Event,
    Hello,
    Pong,
    Quit,
    Release,
    Request,
    Sampled,
)
from pensieve.link.process import is_stopped
from pensieve.link.pulse import Patience

log = logging.getLogger("pensieve.link")

Status = Literal["unloaded", "starting", "loading", "ready", "restarting", "failed"]

MAX_FIRST_CRASHES = 3
MAX_FIRST_ENDS = 10
"""Engines that may end before one has ever been ready."""
HEALTHY_S = 10.0
HEALTHY_TOKENS = 64
"""How long an engine is ready, or what it has sampled, before all before it is past."""
MAX_DELAY_OF_USE_S = 2.0
"""Longest delay after an engine that sampled something: it brings requests on."""
MAX_AWAY_S = 600.0
"""How long requests wait without a healthy engine."""
CONNECT_INTERVAL_S = 0.05
SOCKET_GRACE_S = 2.0
"""How long after a new engine's end its socket may still turn up: then another worker's
engine was first."""
REAP_TIMEOUT_S = 2.0
RELEASE_S = 5.0
"""What an engine that is wanted no more gets to end in, its last files written."""
PROBE_S = 1.0


class EngineGoneError(Exception):
    """The engine ended, or could not be started, or the connection to it did."""

    def __init__(self, end: EngineEnd) -> None:
        super().__init__(end.reason)
        self.end = end


class Supervisor:
    """Keeps one engine. Of one event loop.

    Args:
        spec: the engine that is wanted; one that lives already is taken if equal.
        spawn: starts the process.
        on_event: called with what the engine says of sequences, and of itself.
        on_ready, on_end: called when there is an engine, and when there is none.
        on_given_up: called with the reason when there will be none, or none for long.
    """

    def __init__(
        self,
        spec: EngineSpec,
        spawn: Callable[[EngineSpec], subprocess.Popen[bytes]],
        patience: Patience,
        *,
        on_event: Callable[[Event], object],
        on_ready: Callable[[], object],
        on_end: Callable[[EngineEnd], object],
        on_given_up: Callable[[str], object],
    ) -> None:
        self.status: Status = "unloaded"
        """Before the start, and after the release."""
        self.state: EngineState | None = None
        """Of the engine of now."""
        self.message = ""
        self.is_away = False
        """Whether there has been no healthy engine for MAX_AWAY_S."""
        self.num_restarts = 0
        self.num_ends = 0
        """Ends in a row, without a healthy engine between; cut connections too."""
        self.last_end = ""
        """Why the last engine ended."""
        self._spec = spec
        self._spawn = spawn
        self._patience = patience
        self._on_event = on_event
        self._on_ready = on_ready
        self._on_end = on_end
        self._on_given_up = on_given_up
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: EngineConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_released = False
        self._has_been_ready = False
        self._num_crashes = 0  # in a row, as num_ends
        self._num_tokens = 0  # of the engine of now
        self._next_try_at: float | None = None
        self._health_timer: asyncio.TimerHandle | None = None
        self._away_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look for an engine; returns at once. Once only."""
        self.status = "starting"
        self._wait_for_health()
        self._task = asyncio.create_task(self._supervise())

    async def close(self) -> None:
        """Let go of the engine, which stays for the next worker for a while."""
        for timer in (self._health_timer, self._away_timer):
            if timer is not None:
                timer.cancel()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def release(self) -> None:
        """End the engine, unless another worker is there for it, and this.

        Returns when its process is gone, and so its memory is back.
        """
        self._is_released = True
        connection, process = self._connection, self._process
        if connection is not None and self._task is not None:
            connection.send(Release())
            await asyncio.wait({self._task}, timeout=RELEASE_S)
            if not self._task.done():
                connection.kill("it did not end when it was needed no more")
        elif process is not None:  # nobody has connected to it
            process.kill()
        await self.close()
        if process is not None:
            await self._reap(process)
        self.status, self.message, self.state = "unloaded", "", None

    def send(self, request: Request) -> None:
        """Pass a request to the engine of now, if there is one."""
        if self._connection is not None:
            self._connection.send(request)

    @property
    def next_try_in_s(self) -> float | None:
        """Seconds until the next engine is started; None: it is not waited for."""
        if self._next_try_at is None:
            return None
        return max(0.0, self._next_try_at - time.monotonic())

    # ----- One engine after the other -----

    async def _supervise(self) -> None:
        while self.status != "failed" and not self._is_released:
            try:
                connection = await self._connect()
                async with connection:
                    is_to_go_on = await self._attend(connection)
                if is_to_go_on and not self._is_released:
                    await self._mourn(*await self._ending(connection))
            except EngineGoneError as error:
                if self._process is not None:
                    await self._reap(self._process)
                await self._mourn(error.end)
            except Exception as error:
                log.exception("the link to the engine broke")
                await self._mourn(EngineEnd(Cause.OUTSIDE, f"the link broke: {error}"))

    async def _connect(self) -> EngineConnection:
        """Connect to the engine that listens, or start one.

        Raises:
            EngineGoneError: the one that was started ended.
        """
        started: subprocess.Popen[bytes] | None = None
        started_at = ended_at = 0.0
        while True:
            found = await EngineConnection.open(self._spec.socket_path, self._patience)
            if found is not None:
                return found
            now = time.monotonic()
            if started is None:
                try:
                    self._process = started = self._spawn(self._spec)
                except OSError as error:
                    end = EngineEnd(Cause.CRASH, f"it cannot be started: {error}")
                    raise EngineGoneError(end) from error
                started_at = now
            elif started.poll() is not None:
                ended_at = ended_at or now
                is_first = started.returncode != EXIT_SOCKET_TAKEN
                if is_first or now - ended_at > SOCKET_GRACE_S:
                    raise EngineGoneError(end_of(started.returncode))
            elif self._is_stuck(started.pid, now - started_at):
                started.kill()
            await asyncio.sleep(CONNECT_INTERVAL_S)

    def _is_stuck(self, pid: int, age_s: float) -> bool:
        """Whether a process that does not listen yet never will."""
        if age_s > self._patience.loading_s:
            return True
        return age_s > self._patience.silence_s and is_stopped(pid)

    async def _attend(self, connection: EngineConnection) -> bool:
        """Serve one connection to its end.

        Returns:
            Whether its end is to be mourned: not that of an engine that was replaced.

        Raises:
            EngineGoneError: it cannot load a model that has been loaded before.
        """
        self._connection = connection
        may_replace = self.num_restarts == 0
        try:
            self.send(Hello(PROTOCOL_VERSION))
            async for events in connection.events():
                for event in events:
                    if not isinstance(event, EngineState):
                        self._pass_on(event)
                    elif event.spec == self._spec:
                        self._take_state(event)
                    else:
                        await self._replace(connection, may_replace)
                        return False
                    if self.status == "failed":
                        return False
        finally:
            self._connection = None
        return True

    async def _replace(self, connection: EngineConnection, may_replace: bool) -> None:
        """End an engine that runs something else, so that ours can be started.

        Only at the start: two workers must not take turns in ending each other's.
        """
        if not may_replace:
            self._set_failed("another worker started an engine with other settings")
            return
        log.info("engine %d runs with other settings: replaced", connection.pid)
        connection.send(Quit())
        async for _ in connection.events():
            pass

    def _take_state(self, state: EngineState) -> None:
        was_ready = self.status == "ready"
        self.state = state
        self.message = state.message
        if state.status == "failed":
            if self._has_been_ready and not was_ready:
                raise EngineGoneError(EngineEnd(Cause.CRASH, state.message))
            self._set_failed(state.message)
            return
        self.status = state.status
        if state.status == "ready":
            log.info("engine %d is ready: %s", state.pid, state.message)
            self._has_been_ready = True
            self.is_away = False
            self._num_tokens = 0
            loop = asyncio.get_running_loop()
            self._health_timer = loop.call_later(HEALTHY_S, self._note_health)
            self._on_ready()

    def _pass_on(self, event: Event) -> None:
        if isinstance(event, Sampled) and self._num_tokens < HEALTHY_TOKENS:
            self._num_tokens += len(event.token_ids)
            if self._num_tokens >= HEALTHY_TOKENS:
                self._note_health()
        if not isinstance(event, Pong):
            self._on_event(event)

    # ----- Ends -----

    async def _ending(self, connection: EngineConnection) -> tuple[EngineEnd, bool]:
        """Return what ended a connection, and whether the engine lives on."""
        if connection.verdict is None:
            probe = await EngineConnection.open(self._spec.socket_path, self._patience)
            if (
                probe is not None
                and await probe.lasts(PROBE_S)
                and probe.pid == connection.pid
            ):
                return EngineEnd(Cause.OUTSIDE, "the connection was cut"), True
        exit_status = None
        if self._process is not None and self._process.pid == connection.pid:
            exit_status = await self._reap(self._process)
        is_out_of_memory = connection.is_out_of_memory
        return connection.verdict or end_of(exit_status, is_out_of_memory), False

    async def _reap(self, process: subprocess.Popen[bytes]) -> int | None:
        """Take the exit status of an engine that has ended, which frees its entry."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return await asyncio.to_thread(process.wait, REAP_TIMEOUT_S)
        return None

    async def _mourn(self, end: EngineEnd, lives_on: bool = False) -> None:
        """Note an end, and wait for the time of the next try."""
        self.num_ends += 1
        self._num_crashes += end.cause is Cause.CRASH
        if not lives_on:
            self.state = None
        if not self._has_been_ready and (
            self._num_crashes >= MAX_FIRST_CRASHES or self.num_ends >= MAX_FIRST_ENDS
        ):
            self._set_failed(
                f"the engine ended {self.num_ends} times before it was ready"
                f" ({end.reason}); see {places.engine_log()}"
            )
            return
        self.num_restarts += not lives_on
        self.status = "restarting"
        self.last_end = end.reason
        self.message = f"the engine ended: {end.reason}"
        longest = MAX_DELAY_OF_USE_S if self._num_tokens else MAX_DELAY_S
        delay = min(longest, delay_s(self.num_ends))
        self._num_tokens = 0
        log.warning("the engine ended (%s); next try in %.1f s", end.reason, delay)
        self._wait_for_health()
        self._on_end(end)
        self._next_try_at = time.monotonic() + delay
        await asyncio.sleep(delay)
        self._next_try_at = None

    def _set_failed(self, message: str) -> None:
        log.error("no engine: %s", message)
        self.status = "failed"
        self.message = message
        self._on_given_up(message)

    # ----- Health -----

    def _wait_for_health(self) -> None:
        """Give requests up that would wait for too long; what comes later may wait."""
        if self._health_timer is not None:
            self._health_timer.cancel()
        if self._away_timer is None:
            loop = asyncio.get_running_loop()
            self._away_timer = loop.call_later(MAX_AWAY_S, self._note_absence)

    def _note_health(self) -> None:
        self.num_ends = self._num_crashes = 0
        if self._away_timer is not None:
            self._away_timer.cancel()
            self._away_timer = None

    def _note_absence(self) -> None:
        self._away_timer = None
        if self.status == "ready":  # for a moment: it has yet to show that it stays
            self._wait_for_health()
            return
        self.is_away = True
        reason = self.last_end or self.message
        message = f"no engine has worked for {MAX_AWAY_S:g} s: {reason}"
        log.error(message)
        self._on_given_up(message)
