"""Token ids in, sampled token ids out, whatever happens to the engine between.

What the pipeline calls. `supervisor.py` has an engine for it, `roster.py` knows the
sequences that are under way and gives them to each engine anew.
"""

import asyncio
import itertools
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from pensieve.errors import OverloadedError, RateLimitError
from pensieve.link.deaths import Cause, EngineEnd
from pensieve.link.engine_connection import spec_at
from pensieve.link.memory import MemoryHealth, MemoryWatch
from pensieve.link.messages import (
    CacheReport,
    Constraint,
    EngineSpec,
    EngineState,
    Event,
    MemoryReport,
    Pong,
    SamplingParams,
    Submit,
)
from pensieve.link.process import quit_engine, spawn_engine
from pensieve.link.pulse import Patience
from pensieve.link.roster import Roster
from pensieve.link.sequence import Sequence
from pensieve.link.supervisor import Status, Supervisor
from pensieve.machine_memory import Reading, read_memory

UNCONSTRAINED = Constraint()
USUAL_PATIENCE = Patience()
RETRY_AFTER_S = 5
"""What a client is told when the queue is full: about one answer's length."""


class EngineHealth(msgspec.Struct, frozen=True):
    """How the engine is."""

    status: Status
    message: str
    """Of a ready engine, how the model was loaded; of a failed one, why."""
    pid: int | None
    restarts: int
    ends_in_a_row: int
    """Engines that ended, and connections that were cut, since all was well."""
    next_try_in_s: float | None
    """Until the next engine is started; None: it is not waited for."""
    last_end: str
    """Why the last one ended; empty: none did."""
    memory_bytes: int
    active: int
    """Sequences that the engine works on."""
    queued: int
    """Sequences that wait."""
    unread_tokens: int
    """Prompt tokens that the active ones have yet to prefill."""
    cache: dict[str, int] = {}
    """Of the prefix cache: the fields of CacheReport; empty: not known."""
    sampler: str = ""
    """What draws the tokens, and why nothing faster does; empty: not known."""


class EngineClient:
    """The HTTP process's end of the link. Of one event loop."""

    def __init__(
        self,
        spec: EngineSpec,
        queue_size: int,
        spawn: Callable[[EngineSpec], subprocess.Popen[bytes]] = spawn_engine,
        patience: Patience = USUAL_PATIENCE,
        read: Callable[[], Reading] = read_memory,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            spec: the engine that is wanted; one that lives already is taken if equal.
            queue_size: sequences at a time, running and waiting.
            spawn: starts the process.
            patience: how long an engine may keep us waiting.
            read: how much memory can be had; does not raise.
        """
        self._spec = spec
        self._spawn = spawn
        self._patience = patience
        self._queue_size = queue_size
        self._cache: CacheReport | None = None
        self._ids = itertools.count(1)
        self._supervisor = self._new_supervisor()
        self._memory = MemoryWatch(spec.memory, read)
        self._roster = Roster(
            spec.max_batch_size,
            self._ids,
            lambda request: self._supervisor.send(request),
            lambda: self._memory.engine_takes_new,
        )

    def _new_supervisor(self) -> Supervisor:
        return Supervisor(
            self._spec,
            self._spawn,
            self._patience,
            on_event=self._take,
            on_ready=self._let_in,
            on_end=self._interrupt,
            on_given_up=self._fail,
        )

    @property
    def status(self) -> Status:
        """How the engine is, in a word."""
        return self._supervisor.status

    async def start(self) -> None:
        """Begin to look for an engine; returns at once. Again only after `release`."""
        self._supervisor.start()

    async def take_up(self) -> None:
        """Begin if this very engine runs; end one that runs in its place."""
        found = await spec_at(self._spec.socket_path, self._patience)
        if found == self._spec:
            await self.start()
        elif found is not None:
            await asyncio.to_thread(quit_engine, Path(self._spec.socket_path))

    async def release(self) -> None:
        """End the engine, and get its memory back; `start` begins anew.

        Sequences that are under way wait for that.
        """
        await self._supervisor.release()
        self._interrupt(EngineEnd(Cause.IN_ORDER, "it was not needed"))
        self._supervisor = self._new_supervisor()

    async def close(self) -> None:
        """Let go of the engine, which stays for the next worker for a while."""
        await self._supervisor.close()
        self._roster.fail_all(OverloadedError("the server is shutting down"))

    def submit(
        self,
        token_ids: list[int],
        max_tokens: int,
        end_token_ids: list[int],
        sampling: SamplingParams,
        constraint: Constraint = UNCONSTRAINED,
        *,
        head_size: int = 0,
        keep_sizes: Iterable[int] = (),
        conversation_id: str = "",
        is_background: bool = False,
    ) -> Sequence:
        """Hand a prompt to the engine, now or as soon as there is one.

        Args:
            head_size: leading tokens that other prompts begin with too; 0: not known.
            keep_sizes: as Submit has them.
            conversation_id: what the sequence shares the machine's part with; empty:
                with no other.
            is_background: only while the batch has room that no other sequence wants;
                one that is taken out for another goes on later where it was.

        Raises:
            RateLimitError: `queue_size` sequences are under way, background ones aside;
                or memory is short.
            OverloadedError: there is no engine and will be none, or none for long.
        """
        if self._supervisor.status == "failed" or self._supervisor.is_away:
            raise OverloadedError(self._supervisor.message)
        if not is_background and self._roster.num_live >= self._queue_size:
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
            keep_sizes=[*keep_sizes],
            conversation_id=conversation_id,
            is_background=is_background,
        )
        sequence = Sequence(submit, on_exit=self._roster.leave)
        self._roster.add(sequence)
        return sequence

    def health(self) -> EngineHealth:
        """Return how the engine is now."""
        state = self._supervisor.state
        active = self._roster.active
        return EngineHealth(
            status=self._supervisor.status,
            message=self._supervisor.message,
            pid=state.pid if state else None,
            restarts=self._supervisor.num_restarts,
            ends_in_a_row=self._supervisor.num_ends,
            next_try_in_s=self._supervisor.next_try_in_s,
            last_end=self._supervisor.last_end,
            memory_bytes=state.memory_bytes if state else 0,
            active=len(active),
            queued=self._roster.num_sequences - len(active),
            unread_tokens=sum(each.unread_tokens for each in active),
            cache=msgspec.structs.asdict(self._cache) if self._cache else {},
            sampler=state.sampler if state else "",
        )

    def is_busy(self) -> bool:
        """Whether any sequence is under way, or waits."""
        return self._roster.num_sequences > 0

    def memory(self) -> MemoryHealth:
        """Return how memory is now."""
        return self._memory.health()

    # ----- What the supervisor and the engine say -----

    def _let_in(self) -> None:
        self._roster.open()

    def _interrupt(self, end: EngineEnd) -> None:
        self._cache = None
        if self._memory.forget_engine():  # it said that it had to end
            end = end._replace(cause=Cause.IN_ORDER)
        self._roster.interrupt(end)

    def _fail(self, message: str) -> None:
        self._roster.fail_all(OverloadedError(message))

    def _take(self, event: Event) -> None:
        assert not isinstance(event, EngineState | Pong)  # the supervisor's
        if isinstance(event, CacheReport):
            self._cache = event
        elif isinstance(event, MemoryReport):
            self._memory.take(event)
            self._roster.reconsider()
        else:
            self._roster.take(event)
