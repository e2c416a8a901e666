"""Sequences of many clients in, their events out, one step at a time.

Two kinds of step, to be made in turn: `decode`, one token of everything that decodes,
and `prefill`, one chunk of prompt. So tokens never wait for a chunk before they are
told, and what decodes goes on while others are prefilled. Model thread only.
"""

from collections.abc import Collection

import mlx.core as mx
import mlx.nn as nn

from pensieve.engine.constraints.builder import Built
from pensieve.engine.device_memory import give_back_buffers
from pensieve.engine.generation.decoding import Row, Token
from pensieve.engine.generation.generator import Generator
from pensieve.engine.memory.room import MemoryRoom
from pensieve.engine.prefix_cache.disk.tier import Restored
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.restorer import RestoredSequence
from pensieve.engine.sampling.sampler import Sampler
from pensieve.engine.sampling.sequence import draws_of
from pensieve.engine.scheduling.intake import (
    BuildConstraint,
    Intake,
    Restore,
    SequenceKey,
    Waiting,
)
from pensieve.engine.scheduling.prefill_order import PrefillOrder
from pensieve.engine.scheduling.prefill_pace import FixedPace, PrefillPace
from pensieve.engine.scheduling.refusal import refusal
from pensieve.link.messages import (
    Admitted,
    Event,
    Failed,
    Finished,
    Prefilled,
    Refused,
    Sampled,
    Submit,
)

EventsByConnection = dict[int, list[Event]]


class Scheduler:
    """Decides which sequences the model works on, and tells what came of it.

    Args:
        vocab_size: width of the model's logits.
        sampler: draws the tokens.
        build_constraint: called for each grammar; `take_built` takes the result.
        max_batch_size: sequences at work; more wait.
        prefill_chunk: prompt tokens of a step, >= 1, or what chooses them.
        prefixes: what the model has computed before; None: nothing is kept.
        restore: called for each prefix on disk; `take_restored` takes the result.
        room: which sequences there is memory for; None: for all.
    """

    def __init__(
        self,
        model: nn.Module,
        vocab_size: int,
        sampler: Sampler,
        build_constraint: BuildConstraint,
        *,
        max_batch_size: int,
        prefill_chunk: int | PrefillPace,
        prefixes: PrefixCache | None = None,
        restore: Restore | None = None,
        room: MemoryRoom | None = None,
    ) -> None:
        self._vocab_size = vocab_size
        self.prefixes = prefixes or PrefixCache.off()
        self.row_limit = max_batch_size
        """Sequences that may be at work now; those that are stay."""
        if isinstance(prefill_chunk, int):
            prefill_chunk = FixedPace(prefill_chunk)
        self._pace: PrefillPace = prefill_chunk
        self._generator: Generator[SequenceKey] = Generator(
            model, self.prefixes, sampler
        )
        self._prompt_sizes: dict[SequenceKey, int] = {}  # of those in the batch
        self._order: PrefillOrder[SequenceKey] = PrefillOrder()  # of all sequences
        self._intake = Intake(
            vocab_size,
            build_constraint,
            restore,
            generator=self._generator,
            order=self._order,
            prefixes=self.prefixes,
            room=room or MemoryRoom(self.prefixes, need=None),
        )
        self._events: EventsByConnection = {}

    @property
    def room(self) -> MemoryRoom:
        """Which sequences there is memory for; changed only while there are none."""
        return self._intake.room

    @room.setter
    def room(self, room: MemoryRoom) -> None:
        self._intake.room = room

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._prompt_sizes) or self._intake.any_may_begin

    @property
    def is_stuck(self) -> bool:
        """Whether all that there is waits for memory, or for what is read from disk."""
        return not self._prompt_sizes

    def submit(self, connection_id: int, submit: Submit) -> None:
        """Queue a sequence, or refuse it."""
        key = SequenceKey(connection_id, submit.sequence_id)
        message = refusal(submit, self._vocab_size)
        if any(key in each for each in self._by_stage):
            message = f"sequence_id: expected a new one, got {key.sequence_id} again"
        if message:
            self._refuse(key, message)
        elif shortage := self.room.refusal(submit):
            self._give_up(key, submit, shortage)
        else:
            self._intake.add(key, submit)

    def take_built(self, built: Built) -> None:
        """Queue a sequence whose grammar is compiled, or refuse it."""
        message = self._intake.take_built(built)
        if message is not None:
            key = SequenceKey(built.connection_id, built.submit.sequence_id)
            self._refuse(key, message)

    def take_restored(self, restored: RestoredSequence) -> None:
        """Let in a sequence whose prefix was read from disk, as far as it was."""
        waiting = self._intake.take_restored(restored)
        if waiting is not None:
            self._let_in(waiting, restored.prefix)

    def cancel(self, connection_id: int, sequence_id: int) -> None:
        """Forget a sequence, if it is there."""
        key = SequenceKey(connection_id, sequence_id)
        if key in self._prompt_sizes:
            self._generator.remove(key)
        self._leave(key)

    def disconnect(self, connection_id: int) -> None:
        """Forget all sequences of a connection, and what it was to be told."""
        for key in [key for stage in self._by_stage for key in stage]:
            if key.connection_id == connection_id:
                self.cancel(*key)
        self._events.pop(connection_id, None)

    def admit(self) -> None:
        """Let waiting sequences in, as many as there is room for."""
        for waiting, shortage in self._intake.decide(
            self._prompt_sizes.keys(), self.row_limit
        ):
            if shortage:
                self._give_up(waiting.key, waiting.submit, shortage)
            else:
                self._let_in(waiting)

    @property
    def _by_stage(self) -> tuple[Collection[SequenceKey], ...]:
        return (*self._intake.stages, self._prompt_sizes)

    def _let_in(self, waiting: Waiting, restored: Restored | None = None) -> None:
        key, submit, token_ids, constraint = waiting
        position = len(submit.token_ids)
        row = Row(
            key,
            submit.max_tokens,
            submit.end_token_ids,
            draws_of(submit, self._vocab_size),
            constraint,
            submit.head_size,
            submit.keep_sizes,
        )
        size = self._generator.insert(row, token_ids, restored)
        self._order.shorten(key, position - 1 - size)
        cached = min(size, submit.prompt_size - 1)
        will_be = submit.prompt_size - 1 if self.prefixes.is_on else cached
        self._prompt_sizes[key] = position
        admitted = Admitted(
            key.sequence_id, cached, will_be - cached, min(row.disk_size, cached)
        )
        self._tell(key.connection_id, admitted)

    # ----- Where memory is short -----

    @property
    def promised_bytes(self) -> int:
        """Memory that the prompts in the batch have yet to take."""
        return self.room.promised_bytes(self._intake.unread)

    def end_largest(self, message: str) -> int | None:
        """Fail the sequence of the most tokens; return how many, or None."""
        sizes = self._generator.sizes() | self._intake.restoring
        if not sizes:
            return None
        key = max(sizes, key=sizes.__getitem__)
        self._generator.remove(key)
        self._leave(key)
        self._overload(key, message)
        return sizes[key]

    def turn_away(self, message: str) -> int:
        """Fail all sequences that wait, unless others are at work; return how many."""
        if self._prompt_sizes or self._intake.restoring:
            return 0
        waiting = [*self._intake.waiting]
        for key in waiting:
            self.cancel(*key)
            self._overload(key, message)
        return len(waiting)

    def _give_up(self, key: SequenceKey, submit: Submit, message: str) -> None:
        """End a sequence that no memory can be had for, though no other is at work."""
        self._leave(key)
        if len(submit.token_ids) == submit.prompt_size:
            self._refuse(key, message)
        else:  # it has begun, in an engine that is gone
            self._overload(key, message)

    def _overload(self, key: SequenceKey, message: str) -> None:
        failed = Failed(key.sequence_id, message, is_overload=True)
        self._tell(key.connection_id, failed)
        give_back_buffers()

    def _refuse(self, key: SequenceKey, message: str) -> None:
        self._tell(key.connection_id, Refused(key.sequence_id, message))
        give_back_buffers()

    # ----- Steps -----

    def decode(self) -> None:
        """Compute one token of every sequence whose prompt is complete."""
        tokens = self._generator.decode()
        sampled: dict[int, Sampled] = {}
        for token in tokens:
            if token.token_id is not None and token.finish_reason != "end_token":
                connection_id, sequence_id = token.key
                row = sampled.setdefault(connection_id, Sampled([], []))
                row.sequence_ids.append(sequence_id)
                row.token_ids.append(token.token_id)
        for connection_id, row in sampled.items():
            self._tell(connection_id, row)
        for token in tokens:
            self._finish(token)

    def prefill(self) -> None:
        """Let waiting sequences in, then compute at most one chunk of one prompt."""
        self.admit()
        prompts = self._generator.prompts()
        if not prompts:
            return
        awaited = self._intake.awaited
        first = self._order.next([*prompts, *awaited])
        key = awaited.get(first, first)  # what it waits for is as urgent
        remaining, total = prompts[key], self._prompt_sizes[key]
        done = total - 1 - remaining
        others_wait = self._intake.waiting or self._intake.restoring
        is_alone = len(self._prompt_sizes) == 1 and not others_wait
        portion = self._pace.portion(done, remaining, is_alone)
        with self._pace.timing(done, portion):
            self._generator.prefill(key, portion)
        self._order.spend(key, portion)
        done = total if portion == remaining else done + portion
        self._tell(key.connection_id, Prefilled(key.sequence_id, done, total))

    def take_events(self) -> EventsByConnection:
        """Return what has happened since the last call."""
        events, self._events = self._events, {}
        return events

    def _finish(self, token: Token[SequenceKey]) -> None:
        if not token.is_last:
            return
        self._leave(token.key)
        connection_id, sequence_id = token.key
        if token.finish_reason is None:
            self._tell(connection_id, Failed(sequence_id, token.failure))
        else:
            self._tell(connection_id, Finished(sequence_id, token.finish_reason))

    def _leave(self, key: SequenceKey) -> None:
        """Note a sequence's end; give MLX's free buffers back, whatever end it was."""
        was_at_work = self._prompt_sizes.pop(key, None) is not None
        self._intake.leave(key)
        if was_at_work and not self._prompt_sizes:
            mx.synchronize()  # else what is still computed leaves its own
        give_back_buffers()

    def _tell(self, connection_id: int, event: Event) -> None:
        self._events.setdefault(connection_id, []).append(event)
