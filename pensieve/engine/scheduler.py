"""Sequences of many clients in, their events out, one step at a time.

Two kinds of step, to be made in turn: `decode`, one token of everything that decodes,
and `prefill`, one chunk of prompt. So tokens never wait for a chunk before they are
told, and what decodes goes on while others are prefilled. Model thread only.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import mlx.core as mx
import mlx.nn as nn

from pensieve.engine.constraint import ActiveConstraint
from pensieve.engine.constraint_builder import Built
from pensieve.engine.decoding import Row, Token
from pensieve.engine.generator import MIN_SHARED, Generator
from pensieve.engine.gumbel import VocabularyNoise
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
        max_batch_size: sequences at work; more wait, first come first served.
        prefill_chunk: prompt tokens of a step, >= 1.
        prefixes: what the model has computed before; None: nothing is kept.
        restore: called for each prefix on disk; `take_restored` takes the result.
    """

    def __init__(
        self,
        model: nn.Module,
        vocab_size: int,
        noise: VocabularyNoise,
        build_constraint: BuildConstraint,
        *,
        max_batch_size: int,
        prefill_chunk: int,
        prefixes: PrefixCache | None = None,
        restore: Restore | None = None,
    ) -> None:
        self._vocab_size = vocab_size
        self._noise = noise
        self._build_constraint = build_constraint
        self.prefixes = prefixes or PrefixCache.off()
        self._restore = restore
        self._max_batch_size = max_batch_size
        self._prefill_chunk = prefill_chunk
        self._generator: Generator[SequenceKey] = Generator(model, self.prefixes)
        self._unbuilt: dict[SequenceKey, Submit] = {}  # whose grammar is compiled
        self._waiting: dict[SequenceKey, _Waiting] = {}  # in order of arrival
        self._restoring: dict[SequenceKey, _Waiting] = {}  # as good as in the batch
        self._prompt_sizes: dict[SequenceKey, int] = {}  # of those in the batch
        self._events: EventsByConnection = {}

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting or self._prompt_sizes)

    def submit(self, connection_id: int, submit: Submit) -> None:
        """Queue a sequence, or refuse it."""
        key = SequenceKey(connection_id, submit.sequence_id)
        message = refusal(submit, self._vocab_size)
        if any(key in each for each in self._by_stage):
            message = f"sequence_id: expected a new one, got {key.sequence_id} again"
        if message:
            self._tell(connection_id, Refused(key.sequence_id, message))
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
            self._tell(key.connection_id, Refused(key.sequence_id, built.refusal))
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
        for key, waiting in [*self._waiting.items()]:
            if len(self._prompt_sizes) + len(self._restoring) >= self._max_batch_size:
                break
            awaits = self._is_being_read(waiting.token_ids)
            if not (awaits or self._generator.awaits_shared(waiting.token_ids)):
                del self._waiting[key]
                if not self._begin_restore(key, waiting):
                    self._let_in(key, waiting)

    @property
    def _by_stage(self) -> tuple[Collection[SequenceKey], ...]:
        return (self._unbuilt, self._waiting, self._restoring, self._prompt_sizes)

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
            sampler_for(submit.sampling, position, self._noise),
            constraint,
            submit.head_size,
        )
        inserted = self._generator.insert(row, token_ids, restored)
        cached = min(inserted, submit.prompt_size - 1)
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
        """Let waiting sequences in, then compute at most one chunk of prompt.

        A prompt that is complete ends the step: its first token is what comes next.
        """
        self.admit()
        prompts = self._generator.prompts()
        portions = shares(list(prompts.values()), self._prefill_chunk)
        for (key, remaining), portion in zip(prompts.items(), portions, strict=True):
            is_complete = portion == remaining
            if not (is_complete or portion):
                continue
            self._generator.prefill(key, portion)
            total = self._prompt_sizes[key]
            done = total if is_complete else total - 1 - remaining + portion
            self._tell(key.connection_id, Prefilled(key.sequence_id, done, total))
            if is_complete:
                break

    def take_events(self) -> EventsByConnection:
        """Return what has happened since the last call."""
        events, self._events = self._events, {}
        return events

    def _wait(
        self, key: SequenceKey, submit: Submit, constraint: ActiveConstraint | None
    ) -> None:
        self._waiting[key] = _Waiting(submit, as_array(submit.token_ids), constraint)

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
        del self._prompt_sizes[key]
        if not self._prompt_sizes:
            mx.clear_cache()  # nothing runs: give MLX's free buffers back

    def _tell(self, connection_id: int, event: Event) -> None:
        self._events.setdefault(connection_id, []).append(event)


def shares(remaining: list[int], chunk: int) -> list[int]:
    """Divide a chunk among prompts: half to the oldest, the rest to the shortest.

    So a short prompt need not wait for the end of a long one, and a long one is not
    held up for ever by short ones. Prompts of one length are done one after the other.

    Args:
        remaining: tokens that each prompt has to go, the oldest first.
        chunk: tokens to give out, >= 1.
    """
    portions = [0] * len(remaining)
    if remaining:
        portions[0] = min(remaining[0], (chunk + 1) // 2)
    left = chunk - sum(portions)
    to_go = [size - portion for size, portion in zip(remaining, portions, strict=True)]
    for i in sorted(range(len(remaining)), key=to_go.__getitem__):
        more = min(left, to_go[i])
        portions[i] += more
        left -= more
    return portions
