"""Sequences on their way into the batch: those to be let in now, one by one, out.

A sequence waits for its grammar, then for its turn, for memory, and for another that is
computing what it begins with; last for what the disk has of it. Model thread only.
"""

import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from typing import NamedTuple

from pensieve.engine.constraints.builder import Built
from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.generation.generator import MIN_SHARED, Generator
from pensieve.engine.memory.room import MemoryRoom
from pensieve.engine.prefix_cache.prefix_cache import ROOM, PrefixCache
from pensieve.engine.prefix_cache.restorer import RestoredSequence, Wanted
from pensieve.engine.prefix_cache.runs import TokenIds, as_array, common_size
from pensieve.engine.scheduling.admission import AdmissionOrder
from pensieve.engine.scheduling.prefill_order import PrefillOrder
from pensieve.link.messages import Submit


class SequenceKey(NamedTuple):
    """A client names its sequences; with its connection the name is unique here."""

    connection_id: int
    sequence_id: int


class Waiting(NamedTuple):
    """A sequence that lacks nothing but room."""

    key: SequenceKey
    submit: Submit
    token_ids: TokenIds
    constraint: ActiveConstraint | None


class Decided(NamedTuple):
    """A sequence whose turn it is."""

    waiting: Waiting
    shortage: str
    """Why there will be no memory for it; empty: it is let in."""


BuildConstraint = Callable[[int, Submit, int], object]
"""Begins to build the constraint of (connection_id, submit, vocab_size)."""
Restore = Callable[[Wanted], object]
"""Begins to read a prefix."""


class Intake:
    """Holds what is not in the batch yet, and decides what is next.

    Args:
        vocab_size: width of the model's logits.
        build_constraint: called for each grammar; `take_built` takes the result.
        restore: called for each prefix on disk; `take_restored` takes the result.
        generator: has the batch.
        order: of all sequences, those in the batch as well.
        room: which sequences there is memory for.
    """

    def __init__(
        self,
        vocab_size: int,
        build_constraint: BuildConstraint,
        restore: Restore | None,
        *,
        generator: Generator[SequenceKey],
        order: PrefillOrder[SequenceKey],
        prefixes: PrefixCache,
        room: MemoryRoom,
    ) -> None:
        self._vocab_size = vocab_size
        self._build_constraint = build_constraint
        self._restore = restore
        self._generator = generator
        self._order = order
        self._admission = AdmissionOrder(order)
        self._prefixes = prefixes
        self.room = room
        self._unbuilt: dict[SequenceKey, Submit] = {}  # whose grammar is compiled
        self._waiting: dict[SequenceKey, Waiting] = {}
        self._awaited: dict[SequenceKey, SequenceKey] = {}
        self._restoring: dict[SequenceKey, Waiting] = {}  # as good as in the batch
        self._cancels: dict[SequenceKey, threading.Event] = {}  # of what is read

    @property
    def stages(self) -> tuple[Collection[SequenceKey], ...]:
        """All sequences here, by what they wait for."""
        return (self._unbuilt, self._waiting, self._restoring)

    @property
    def waiting(self) -> Collection[SequenceKey]:
        """Those that lack nothing but room."""
        return self._waiting.keys()

    @property
    def awaited(self) -> Mapping[SequenceKey, SequenceKey]:
        """Of those that wait, whose prompt is now computing what theirs begins with."""
        return self._awaited

    @property
    def restoring(self) -> dict[SequenceKey, int]:
        """Those whose prefix is read from disk now: the tokens of each."""
        return {key: len(each.token_ids) for key, each in self._restoring.items()}

    @property
    def unread(self) -> dict[SequenceKey, int]:
        """Tokens that those let in have yet to prefill, all of those being read."""
        return self._generator.prompts() | self.restoring

    @property
    def any_may_begin(self) -> bool:
        """Whether the state of memory lets any that waits begin."""
        may_begin = self.room.may_begin
        return any(may_begin(each.submit) for each in self._waiting.values())

    def add(self, key: SequenceKey, submit: Submit) -> None:
        """Take a new sequence, and have its grammar compiled if it has one."""
        if submit.constraint.grammar:
            self._unbuilt[key] = submit
            self._build_constraint(key.connection_id, submit, self._vocab_size)
        elif submit.constraint.thinking_limit:
            constraint = ActiveConstraint(submit, self._vocab_size, matcher=None)
            self._wait(key, submit, constraint)
        else:
            self._wait(key, submit, None)

    def take_built(self, built: Built) -> str | None:
        """Queue a sequence whose grammar is compiled; return why not, if it is none."""
        key = SequenceKey(built.connection_id, built.submit.sequence_id)
        if self._unbuilt.get(key) is not built.submit:
            return None  # cancelled meanwhile; its name may be another's now
        del self._unbuilt[key]
        if built.constraint is None:
            return built.refusal
        self._wait(key, built.submit, built.constraint)
        return None

    def take_restored(self, restored: RestoredSequence) -> Waiting | None:
        """Return the sequence whose prefix was read, to be let in; None: it is gone."""
        key = SequenceKey(restored.connection_id, restored.submit.sequence_id)
        waiting = self._restoring.get(key)
        if waiting is None or waiting.submit is not restored.submit:
            return None
        self._cancels.pop(key)
        return self._restoring.pop(key)

    def leave(self, key: SequenceKey) -> None:
        """Forget a sequence, if it is there, here or in the batch."""
        self._unbuilt.pop(key, None)
        self._waiting.pop(key, None)
        if self._restoring.pop(key, None):
            self._cancels.pop(key).set()
        self._awaited.pop(key, None)
        self._order.remove(key)
        self.room.leave(key)

    def decide(
        self, at_work: Collection[SequenceKey], row_limit: int
    ) -> Iterator[Decided]:
        """Yield those whose turn it is, as long as the batch has room.

        One that begins like a prompt that is now prefilled waits for that: what they
        share is computed once. One whose prefix is on disk waits for `take_restored`.

        Args:
            at_work: what is in the batch. Those that are let in have to be in it, and
                in the generator, before the next is asked for.
            row_limit: how many that may be.
        """
        self._awaited.clear()
        while waiting := self._next(at_work, row_limit):
            key, submit = waiting.key, waiting.submit
            verdict = self.room.verdict(key, submit, self.unread)
            if verdict == "wait":
                return  # nor may smaller ones pass, or it might wait for ever
            del self._waiting[key]
            if verdict == "refuse":
                yield Decided(waiting, self.room.shortage(submit))
            elif not self._begin_restore(waiting):
                yield Decided(waiting, "")
            self._admission.note_let_in(len(self._waiting))

    def _wait(
        self, key: SequenceKey, submit: Submit, constraint: ActiveConstraint | None
    ) -> None:
        token_ids = as_array(submit.token_ids)
        self._waiting[key] = Waiting(key, submit, token_ids, constraint)
        # A request that names no conversation is one of its own.
        conversation: Hashable = submit.conversation_id or key
        size = self._generator.num_to_prefill(token_ids)
        self._order.add(key, conversation, size, submit.is_background)

    def _next(self, at_work: Collection[SequenceKey], row_limit: int) -> Waiting | None:
        inside = [*at_work, *self._restoring]
        if len(inside) >= min(row_limit, self.room.max_sequences):
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
                return self._waiting[key]
            self._awaited[key] = awaited
        return None

    # ----- What is on disk -----

    def _is_being_read(self, token_ids: TokenIds) -> bool:
        """Whether what it begins with is read from disk now, for another sequence."""
        if not self._restoring:
            return False
        saved = self._prefixes.restorable_size(token_ids) + MIN_SHARED
        others = self._restoring.values()
        return any(common_size(each.token_ids, token_ids) >= saved for each in others)

    def _begin_restore(self, waiting: Waiting) -> bool:
        """Have a prefix read, if the disk has more of it than memory."""
        key, submit, token_ids, _ = waiting
        plan = self._prefixes.plan_restore(token_ids)
        disk = self._prefixes.disk
        if plan is None or self._restore is None or disk is None:
            return False
        self._restoring[key] = waiting
        self._cancels[key] = cancelled = threading.Event()
        length = len(token_ids) + ROOM
        self._restore(Wanted(key.connection_id, submit, disk, plan, length, cancelled))
        return True
