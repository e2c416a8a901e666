"""Sequences of many clients in, their events out, one step at a time.

Two kinds of step, to be made in turn: `decode`, one token of everything that decodes,
and `prefill`, one chunk of prompt. So tokens never wait for a chunk before they are
told, and what decodes goes on while others are prefilled. Model thread only.
"""

from collections.abc import Callable, Collection, Hashable
from typing import NamedTuple

import mlx.core as mx
import mlx.nn as nn

from pensieve.engine.admission import AdmissionOrder
from pensieve.engine.constraint import ActiveConstraint
from pensieve.engine.constraint_builder import Built
from pensieve.engine.decoding import Row, Token
from pensieve.engine.device_memory import give_back_buffers
from pensieve.engine.generator import MIN_SHARED, Generator
from pensieve.engine.gumbel import VocabularyNoise
from pensieve.engine.memory_room import MemoryRoom
from pensieve.engine.penalties import penalties_for
from pensieve.engine.prefill_order import PrefillOrder
from pensieve.engine.prefill_pace import FixedPace, PrefillPace
from pensieve.engine.prefix_cache.disk.tier import Restored
from pensieve.engine.prefix_cache.prefix_cache import ROOM, PrefixCache
from pensieve.engine.prefix_cache.runs import TokenIds, as_array, common_size
from pensieve.engine.refusal import refusal
from pensieve.engine.restorer import RestoredSequence, Wanted
from pensieve.engine.sampling import sampler_for
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


class SequenceKey(NamedTuple):
    """A client names its sequences; with its connection the name is unique here."""

    connection_id: int
    sequence_id: int


EventsByConnection = dict[int, list[Event]]
BuildConstraint = Callable[[int, Submit, int], object]
"""Begins to build the constraint of (connection_id, submit, vocab_size)."""
Restore = Callable[[Wanted], object]
"""Begins to read a prefix."""


class _Waiting(NamedTuple):
    submit: Submit
    token_ids: TokenIds
    constraint: ActiveConstraint | None


class Scheduler:
    """Decides which sequences the model works on, and tells what came of it.

    Args:
        vocab_size: width of the model's logits.
        noise: of a vocabulary of that size.
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
        noise: VocabularyNoise,
        build_constraint: BuildConstraint,
        *,
        max_batch_size: int,
        prefill_chunk: int | PrefillPace,
        prefixes: PrefixCache | None = None,
        restore: Restore | None = None,
        room: MemoryRoom | None = None,
    ) -> None:
        self._vocab_size = vocab_size
        self._noise = noise
        self._build_constraint = build_constraint
        self.prefixes = prefixes or PrefixCache.off()
        self.room = room or MemoryRoom(self.prefixes, need=None)
        self._restore = restore
        self.row_limit = max_batch_size
        """Sequences that may be at work now; those that are stay."""
        if isinstance(prefill_chunk, int):
            prefill_chunk = FixedPace(prefill_chunk)
        self._pace: PrefillPace = prefill_chunk
        self._generator: Generator[SequenceKey] = Generator(model, self.prefixes)
        self._unbuilt: dict[SequenceKey, Submit] = {}  # whose grammar is compiled
        self._waiting: dict[SequenceKey, _Waiting] = {}
        self._awaited: dict[SequenceKey, SequenceKey] = {}
        """Of those that wait, whose prompt is now computing what theirs begins with."""
        self._restoring: dict[SequenceKey, _Waiting] = {}  # as good as in the batch
        self._prompt_sizes: dict[SequenceKey, int] = {}  # of those in the batch
        self._order: PrefillOrder[SequenceKey] = PrefillOrder()  # of both
        self._admission = AdmissionOrder(self._order)
        self._events: EventsByConnection = {}

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        may_begin = self.room.may_begin
        return bool(self._prompt_sizes) or any(
            may_begin(each.submit) for each in self._waiting.values()
        )

    @property
    def is_stuck(self) -> bool:
        """Whether all that there is waits for memory, or for what is read from disk."""
        return not self._prompt_sizes

    def submit(self, connection_id: int, submit: Submit) -> None:
        """Queue a sequence, or refuse it."""
        key = SequenceKey(connection_id, submit.sequence_id)
        message = refusal(submit, self._vocab_size) or self.room.refusal(submit)
        if any(key in each for each in self._by_stage):
            message = f"sequence_id: expected a new one, got {key.sequence_id} again"
        if message:
            self._refuse(key, message)
        elif submit.constraint.grammar:
            self._unbuilt[key] = submit
            self._build_constraint(connection_id, submit, self._vocab_size)
        elif submit.constraint.thinking_limit:
            constraint = ActiveConstraint(submit, self._vocab_size, matcher=None)
            self._wait(key, submit, constraint)
        else:
            self._wait(key, submit, None)

    def take_built(self, built: Built) -> None:
        """Queue a sequence whose grammar is compiled, or refuse it."""
        key = SequenceKey(built.connection_id, built.submit.sequence_id)
        if self._unbuilt.get(key) is not built.submit:
            return  # cancelled meanwhile; its name may be another's now
        del self._unbuilt[key]
        if built.constraint is None:
            self._refuse(key, built.refusal)
        else:
            self._wait(key, built.submit, built.constraint)

    def take_restored(self, restored: RestoredSequence) -> None:
        """Let in a sequence whose prefix was read from disk, as far as it was."""
        key = SequenceKey(restored.connection_id, restored.submit.sequence_id)
        waiting = self._restoring.get(key)
        if waiting is not None and waiting.submit is restored.submit:
            del self._restoring[key]
            self._let_in(key, waiting, restored.prefix)

    def cancel(self, connection_id: int, sequence_id: int) -> None:
        """Forget a sequence, if it is there."""
        key = SequenceKey(connection_id, sequence_id)
        self._unbuilt.pop(key, None)
        self._waiting.pop(key, None)
        self._restoring.pop(key, None)
        self._awaited.pop(key, None)
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
        """Let waiting sequences in, as many as the batch has room for.

        One that begins like a prompt that is now prefilled waits for that: what they
        share is computed once.
        """
        self._awaited.clear()
        while key := self._next_to_let_in():
            waiting = self._waiting[key]
            verdict = self.room.verdict(key, waiting.submit, self._generator.prompts())
            if verdict == "wait":
                return  # nor may smaller ones pass, or it might wait for ever
            del self._waiting[key]
            if verdict == "refuse":
                self._give_up(key, waiting.submit)
            elif not self._begin_restore(key, waiting):
                self._let_in(key, waiting)
            self._admission.note_let_in(len(self._waiting))

    @property
    def _by_stage(self) -> tuple[Collection[SequenceKey], ...]:
        return (self._unbuilt, self._waiting, self._restoring, self._prompt_sizes)

    def _next_to_let_in(self) -> SequenceKey | None:
        inside = [*self._prompt_sizes, *self._restoring]
        if len(inside) >= min(self.row_limit, self.room.max_sequences):
            return None
        candidates = [
            key
            for key, waiting in self._waiting.items()
            if key not in self._awaited and self.room.may_begin(waiting.submit)
        ]
        for key in self._admission.ranked(candidates, inside):
            token_ids = self._waiting[key].token_ids
            if self._is_being_read(token_ids):
                continue
            awaited = self._generator.awaits_shared(token_ids)
            if awaited is None:
                return key
            self._awaited[key] = awaited
        return None

    # ----- Where memory is short -----

    @property
    def promised_bytes(self) -> int:
        """Memory that the prompts in the batch have yet to take."""
        return self.room.promised_bytes(self._generator.prompts())

    def end_largest(self, message: str) -> int | None:
        """Fail the sequence of the most tokens; return how many, or None."""
        sizes = self._generator.sizes()
        if not sizes:
            return None
        key = max(sizes, key=sizes.__getitem__)
        self._generator.remove(key)
        self._leave(key)
        self._overload(key, message)
        return sizes[key]

    def turn_away(self, message: str) -> int:
        """Fail all sequences that wait, unless others are at work; return how many."""
        if self._prompt_sizes:
            return 0
        waiting = [*self._waiting]
        for key in waiting:
            self.cancel(*key)
            self._overload(key, message)
        return len(waiting)

    def _give_up(self, key: SequenceKey, submit: Submit) -> None:
        """End a sequence that no memory can be had for, though no other is at work."""
        message = self.room.shortage(submit)
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

    # ----- Into the batch -----

    def _is_being_read(self, token_ids: TokenIds) -> bool:
        """Whether what it begins with is read from disk now, for another sequence."""
        if not self._restoring:
            return False
        saved = self.prefixes.restorable_size(token_ids) + MIN_SHARED
        others = self._restoring.values()
        return any(common_size(each.token_ids, token_ids) >= saved for each in others)

    def _begin_restore(self, key: SequenceKey, waiting: _Waiting) -> bool:
        """Have a prefix read, if the disk has more of it than memory."""
        plan = self.prefixes.plan_restore(waiting.token_ids)
        if plan is None or self._restore is None or self.prefixes.disk is None:
            return False
        self._restoring[key] = waiting
        length = len(waiting.token_ids) + ROOM
        disk = self.prefixes.disk
        self._restore(Wanted(key.connection_id, waiting.submit, disk, plan, length))
        return True

    def _let_in(
        self, key: SequenceKey, waiting: _Waiting, restored: Restored | None = None
    ) -> None:
        submit, token_ids, constraint = waiting
        position = len(submit.token_ids)
        row = Row(
            key,
            submit.max_tokens,
            submit.end_token_ids,
            sampler_for(
                submit.sampling,
                position,
                self._noise,
                penalties_for(submit, self._vocab_size),
            ),
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

    def decode(self) -> None:
        """Compute one token of every sequence whose prompt is complete."""
        tokens = self._generator.decode()
        sampled: dict[int, Sampled] = {}
        for token in tokens:
            if token.finish_reason != "end_token":
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
        first = self._order.next([*prompts, *self._awaited])
        key = self._awaited.get(first, first)  # what it waits for is as urgent
        remaining, total = prompts[key], self._prompt_sizes[key]
        done = total - 1 - remaining
        is_alone = len(self._prompt_sizes) == 1 and not self._waiting
        portion = min(remaining, self._pace.chunk(done, is_alone))
        with self._pace.timing(done, portion):
            self._generator.prefill(key, portion)
        self._order.spend(key, portion)
        done = total if portion == remaining else done + portion
        self._tell(key.connection_id, Prefilled(key.sequence_id, done, total))

    def take_events(self) -> EventsByConnection:
        """Return what has happened since the last call."""
        events, self._events = self._events, {}
        return events

    def _wait(
        self, key: SequenceKey, submit: Submit, constraint: ActiveConstraint | None
    ) -> None:
        token_ids = as_array(submit.token_ids)
        self._waiting[key] = _Waiting(submit, token_ids, constraint)
        # A request that names no conversation is one of its own.
        conversation: Hashable = submit.conversation_id or key
        size = self._generator.num_to_prefill(token_ids)
        self._order.add(key, conversation, size, submit.is_background)

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
        self._order.remove(key)
        self.room.leave(key)
        if was_at_work and not self._prompt_sizes:
            mx.synchronize()  # else what is still computed leaves its own
        give_back_buffers()

    def _tell(self, connection_id: int, event: Event) -> None:
        self._events.setdefault(connection_id, []).append(event)
