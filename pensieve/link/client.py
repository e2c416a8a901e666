"""Token ids in, sampled token ids out, whatever happens to the engine between.

The client finds the engine on its socket or starts one, watches it, starts another when
it ends, and gives that one the sequences that were under way.
"""

import asyncio
import contextlib
import itertools
import logging
import subprocess
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from pensieve.errors import ApiError, OverloadedError, RateLimitError
from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.memory import MemoryHealth, MemoryWatch
from pensieve.link.messages import (
    PROTOCOL_VERSION,
    Cancel,
    Constraint,
    EngineSpec,
    EngineState,
    Event,
    Finished,
    Hello,
    MemoryReport,
    Quit,
    Request,
    Sampled,
    SamplingParams,
    SequenceEvent,
    Submit,
)
from pensieve.link.process import log_file, spawn_engine
from pensieve.link.sequence import Sequence
from pensieve.machine_memory import Reading, read_memory

log = logging.getLogger("pensieve.link")

Status = Literal["starting", "loading", "ready", "restarting", "failed"]

MAX_DEATHS = 3
"""Engines that may end in a row before one is ready, and while one sequence runs."""
CONNECT_INTERVAL_S = 0.05
SOCKET_GRACE_S = 2.0
"""How long after a new engine's end its socket may still turn up: then another worker's
engine was first."""
REAP_TIMEOUT_S = 2.0
UNCONSTRAINED = Constraint()
RETRY_AFTER_S = 5
"""What a client is told when the queue is full: about one answer's length."""


class EngineHealth(msgspec.Struct, frozen=True):
    """How the engine is."""

    status: Status
    message: str
    """Of a ready engine, how the model was loaded; of a failed one, why."""
    pid: int | None
    restarts: int
    memory_bytes: int
    active: int
    """Sequences that the engine works on."""
    queued: int
    """Sequences that wait."""
    unread_tokens: int
    """Prompt tokens that the active ones have yet to prefill."""


class EngineGoneError(Exception):
    """The engine ended, or could not be started."""


class EngineClient:
    """The HTTP process's end of the link. Of one event loop."""

    def __init__(
        self,
        spec: EngineSpec,
        queue_size: int,
        spawn: Callable[[EngineSpec], subprocess.Popen[bytes]] = spawn_engine,
        read: Callable[[], Reading] = read_memory,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            spec: the engine that is wanted; one that lives already is taken if equal.
            queue_size: sequences at a time, running and waiting.
            spawn: starts the process.
            read: how much memory can be had; does not raise.
        """
        self._spec = spec
        self._queue_size = queue_size
        self._spawn = spawn
        self._process: subprocess.Popen[bytes] | None = None
        self._status: Status = "starting"
        self._state: EngineState | None = None
        self._message = ""
        self._memory = MemoryWatch(spec.memory, read)
        self._num_restarts = 0
        self._sequences: dict[int, Sequence] = {}
        self._ids = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._supervisor: asyncio.Task[None] | None = None

    # ----- For the pipeline -----

    async def start(self) -> None:
        """Begin to look for an engine; returns at once."""
        self._supervisor = asyncio.create_task(self._supervise())

    async def close(self) -> None:
        """Let go of the engine, which stays for the next worker for a while."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        self._fail_all(OverloadedError("the server is shutting down"))

    def submit(
        self,
        token_ids: list[int],
        max_tokens: int,
        end_token_ids: list[int],
        sampling: SamplingParams,
        constraint: Constraint = UNCONSTRAINED,
        *,
        head_size: int = 0,
        is_background: bool = False,
    ) -> Sequence:
        """Hand a prompt to the engine, now or as soon as there is one.

        Args:
            head_size: leading tokens that other prompts begin with too; 0: not known.
            is_background: only while the batch has room that no other sequence wants;
                one that is taken out for another goes on later where it was.

        Raises:
            RateLimitError: `queue_size` sequences are under way, background ones aside;
                or memory is short.
            OverloadedError: there is no engine and will be none.
        """
        if self._status == "failed":
            raise OverloadedError(self._message)
        if not is_background and self._num_live >= self._queue_size:
            raise RateLimitError(
                f"the queue is full: {self._queue_size} requests are running or"
                " waiting",
                RETRY_AFTER_S,
            )
        if not is_background:
            self._memory.check_takes_new()
        submit = Submit(
            sequence_id=next(self._ids),
            token_ids=token_ids,
            max_tokens=max_tokens,
            end_token_ids=end_token_ids,
            sampling=sampling,
            prompt_size=len(token_ids),
            constraint=constraint,
            head_size=head_size,
        )
        sequence = Sequence(submit, on_exit=self._leave, is_background=is_background)
        if self._status == "ready" and not is_background:
            self._hand_over(sequence)  # first: what cannot be sent takes no place
        self._sequences[sequence.sequence_id] = sequence
        self._balance()
        return sequence

    def health(self) -> EngineHealth:
        """Return how the engine is now."""
        active = [each for each in self._sequences.values() if each.has_begun]
        return EngineHealth(
            status=self._status,
            message=self._message,
            pid=self._state.pid if self._state else None,
            restarts=self._num_restarts,
            memory_bytes=self._state.memory_bytes if self._state else 0,
            active=len(active),
            queued=len(self._sequences) - len(active),
            unread_tokens=sum(each.unread_tokens for each in active),
        )

    def memory(self) -> MemoryHealth:
        """Return how memory is now."""
        return self._memory.health()

    @property
    def _num_live(self) -> int:
        return sum(not each.is_background for each in self._sequences.values())

    def _leave(self, sequence: Sequence) -> None:
        if self._sequences.pop(sequence.sequence_id, None) is not None:
            self._send(Cancel(sequence.sequence_id))
            self._balance()

    # ----- Who is in the engine -----

    def _hand_over(self, sequence: Sequence) -> None:
        """Give the engine a sequence, or what is left of one."""
        sequence.is_handed_over = True
        submit = sequence.submit()
        if submit.max_tokens > 0:
            self._send(submit)
        else:  # its last token came, the word that it was the last did not
            sequence.take(Finished(sequence.sequence_id, "max_tokens"))
            self._sequences.pop(sequence.sequence_id, None)

    def _take_out(self, sequence: Sequence) -> None:
        """Take a sequence from the engine, to hand it over again under another id."""
        self._send(Cancel(sequence.sequence_id))
        del self._sequences[sequence.sequence_id]
        sequence.renumber(next(self._ids))
        self._sequences[sequence.sequence_id] = sequence

    def _balance(self) -> None:
        """Fill the batch with background sequences, or take out those too many."""
        if self._status != "ready":
            return
        inside = [each for each in self._sequences.values() if each.is_handed_over]
        free = self._spec.max_batch_size - len(inside)
        if not self._memory.engine_takes_new:
            free = min(free, 0)
        for sequence in list(self._sequences.values()):
            if free > 0 and not sequence.is_handed_over:
                self._hand_over(sequence)
                free -= 1
        for sequence in reversed(inside):
            if free < 0 and sequence.is_background:
                self._take_out(sequence)
                free += 1

    # ----- Keeping an engine -----

    async def _supervise(self) -> None:
        """Have an engine until one fails or too many end."""
        deaths = 0
        while self._status != "failed":
            try:
                await self._attend(may_replace=self._num_restarts == 0)
            except EngineGoneError as error:
                deaths = 1 if self._status == "ready" else deaths + 1
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
            self._send(Hello(PROTOCOL_VERSION))
            while received := await reader.read(1 << 16):
                for message in decoder.feed(received):
                    if isinstance(message, MemoryReport):
                        self._memory.take(message)
                        self._balance()
                    elif not isinstance(message, EngineState):
                        self._take(message)
                    elif message.spec == self._spec:
                        self._take_state(message)
                    else:
                        await self._replace(message.pid, reader, may_replace)
                        return
                    if self._status == "failed":
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
        self._send(Quit())
        while await reader.read(1 << 16):
            pass

    def _take_state(self, state: EngineState) -> None:
        self._state = state
        self._message = state.message
        if state.status == "failed":
            self._set_failed(state.message)
            return
        self._status = state.status
        if state.status == "ready":
            log.info("engine %d is ready: %s", state.pid, state.message)
            for sequence in list(self._sequences.values()):
                if not sequence.is_background:
                    self._hand_over(sequence)
            self._balance()

    def _mourn(self, deaths: int, error: EngineGoneError) -> None:
        """Note an engine's end, and prepare for the next."""
        self._state = None
        is_blamed = not self._memory.forget_engine()
        if deaths >= MAX_DEATHS:
            self._set_failed(
                f"the engine ended {deaths} times before it was ready ({error});"
                f" see {log_file()}"
            )
            return
        self._num_restarts += 1
        self._status = "restarting"
        self._message = f"the engine ended: {error}"
        log.warning("the engine ended (%s); starting another", error)
        for sequence in list(self._sequences.values()):
            sequence.interrupt(is_blamed)
            if sequence.num_deaths >= MAX_DEATHS:
                del self._sequences[sequence.sequence_id]
                sequence.fail(
                    ApiError(
                        f"the engine ended {MAX_DEATHS} times while it worked on"
                        " this request"
                    )
                )

    def _set_failed(self, message: str) -> None:
        log.error("no engine: %s", message)
        self._status = "failed"
        self._message = message
        self._fail_all(OverloadedError(message))

    def _fail_all(self, error: ApiError) -> None:
        for sequence in self._sequences.values():
            sequence.fail(error)
        self._sequences.clear()

    # ----- What the engine says of sequences -----

    def _take(self, message: SequenceEvent | Sampled) -> None:
        if isinstance(message, Sampled):
            pairs = zip(message.sequence_ids, message.token_ids, strict=True)
            for sequence_id, token_id in pairs:
                if sequence := self._sequences.get(sequence_id):
                    sequence.produce(token_id)
        elif sequence := self._sequences.get(message.sequence_id):
            sequence.take(message)
            if sequence.has_ended:
                del self._sequences[sequence.sequence_id]
                self._balance()

    def _send(self, message: Request) -> None:
        if self._writer is not None:
            self._writer.write(encode_frame(message))
