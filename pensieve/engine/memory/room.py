"""Sequences in, whether there is memory for them now, later or never out.

A sequence is charged with its prompt and a modest answer: clients allow for far longer
ones than they get. What the prefix cache holds counts as free, and is given up where it
is needed. Model thread only.
"""

import bisect
import math
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal

import mlx.core as mx

from pensieve.engine.device_memory import give_back_buffers, read_device_memory
from pensieve.engine.memory.need import MemoryNeed
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.link.messages import Submit
from pensieve.machine_memory import RecentReading
from pensieve.memory_states import TABLE, MemoryState

ANSWER_TOKENS = 1024
"""The longest answer that is charged for. Claude Code allows for 32,000 tokens each
time; its answers have some 200."""

WRITER_S = 30.0
"""How long a sequence waits for memory that is still being written to disk."""

Verdict = Literal["begin", "wait", "refuse"]


class MemoryRoom:
    """Keeps account of the memory that sequences at work have yet to take.

    Args:
        prefixes: the cache that gives way.
        need: of the model's sequences; None: not known, and nothing is refused for it.
        reserve_bytes: left free, whatever is let in.
        reading: of what machine and GPU can still give.
        clock: in seconds.
    """

    def __init__(
        self,
        prefixes: PrefixCache,
        need: MemoryNeed | None,
        reserve_bytes: int = 0,
        reading: RecentReading | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = MemoryState.SAFE
        """Set by who watches memory."""
        self.has_let_in = False
        """Whether any sequence has been let in."""
        self.reading = reading or RecentReading(read_device_memory)
        self._prefixes = prefixes
        self._need = need
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._writer_until = 0.0
        self._charges: dict[Hashable, int] = {}  # of sequences at work, bytes
        self._sizes: dict[Hashable, int] = {}  # their prompts' tokens
        self._weight_bytes = int(mx.get_active_memory())

    @property
    def max_sequences(self) -> float:
        """Sequences that may be at work; infinite where memory sets no limit."""
        limit = TABLE[self.state].max_sequences
        return math.inf if limit is None else limit

    def may_begin(self, submit: Submit) -> bool:
        """Whether the state of memory lets a sequence begin.

        One that has begun, in an engine now gone, is among those to be finished.
        """
        row = TABLE[self.state]
        has_begun = len(submit.token_ids) > submit.prompt_size
        return row.takes_new or (has_begun and not row.ends_largest)

    def refusal(self, submit: Submit) -> str | None:
        """Return why there will be no memory for a sequence, or None.

        That is judged by what would be free if nothing else were at work here. Where
        memory is so short that nothing new is begun, it is not judged.
        """
        if self._need is None or not TABLE[self.state].takes_new:
            return None
        beside_weights = int(mx.get_active_memory()) - self._weight_bytes
        free_bytes = self._free_bytes(max(self._prefixes.nbytes, beside_weights))
        is_enough = self._charge(submit) <= free_bytes
        return None if is_enough else self._shortage(submit, free_bytes)

    def verdict(
        self, key: Hashable, submit: Submit, unread: Mapping[Any, int]
    ) -> Verdict:
        """Return whether a sequence can begin; if so, it is charged for.

        It waits for others that are at work, and is refused where there are none.

        Args:
            unread: tokens to go of each prompt that is being prefilled.
        """
        if self._need is not None:
            if self._short_bytes(submit, unread, is_exact=False) > 0 and self._charges:
                return "wait"
            short_bytes = self._short_bytes(submit, unread, is_exact=True)
            if short_bytes > 0:
                return "wait" if self._charges or self._awaits_writer() else "refuse"
            self._prefixes.shrink(-short_bytes, spared=submit.token_ids)
            give_back_buffers()
        self._charges[key] = self._charge(submit)
        self._sizes[key] = len(submit.token_ids)
        self.has_let_in = True
        return "begin"

    def _awaits_writer(self) -> bool:
        """Whether memory is free once what was given up is on disk; for a while."""
        now = self._clock()
        if not self._prefixes.bytes_being_written:
            self._writer_until = 0.0
            return False
        self._writer_until = self._writer_until or now + WRITER_S
        return now < self._writer_until

    def leave(self, key: Hashable) -> None:
        """Note that a sequence has ended."""
        self._charges.pop(key, None)
        self._sizes.pop(key, None)

    def promised_bytes(self, unread: Mapping[Any, int]) -> int:
        """Return what the prompts that are being prefilled have yet to take."""
        if self._need is None:
            return 0
        promised = 0
        for key, num_left in unread.items():
            held = self._need.cache.of(max(0, self._sizes.get(key, 0) - num_left))
            promised += max(0, self._charges.get(key, 0) - held)
        return promised

    def shortage(self, submit: Submit) -> str:
        """Return why a sequence cannot begin where no other is at work."""
        return self._shortage(submit, self._free_bytes(self._prefixes.nbytes))

    def _charge(self, submit: Submit, others: int = 0, longest: int = 0) -> int:
        if self._need is None:
            return 0
        answer_size = min(submit.max_tokens, ANSWER_TOKENS)
        return self._need.of(len(submit.token_ids), answer_size, others, longest)

    def _free_bytes(self, own_bytes: int, is_exact: bool = True) -> int:
        """Return what can be had, counting so many bytes that can be given back."""
        reading = self.reading.now() if is_exact else self.reading()
        cached = int(mx.get_cache_memory())
        return reading.free_bytes + own_bytes + cached - self._reserve_bytes

    def _short_bytes(
        self, submit: Submit, unread: Mapping[Any, int], is_exact: bool
    ) -> int:
        """Return how much is missing, with all that can be evicted counted as free.

        Below 0: how much of that may stay.
        """
        longest = max(self._sizes.values(), default=0)
        needed = self._charge(submit, len(self._sizes), longest)
        free_bytes = self._free_bytes(self._prefixes.nbytes, is_exact)
        return needed + self.promised_bytes(unread) - free_bytes

    def _shortage(self, submit: Submit, free_bytes: int) -> str:
        size, needed = len(submit.token_ids), self._charge(submit)
        free_mb = max(0, free_bytes) >> 20
        sizes = f"needs {needed >> 20} MB of memory and there are {free_mb} MB"
        fitting = self._fitting_size(submit, free_bytes)
        if fitting == 0:
            return f"memory: the shortest prompt {sizes}"
        # SPEC: Claude Code compacts the conversation at text that begins like this.
        return f"prompt is too long: {size} tokens > {fitting} maximum: it {sizes}"

    def _fitting_size(self, submit: Submit, free_bytes: int) -> int:
        """Return the tokens of the longest prompt that would fit."""
        answer_size = min(submit.max_tokens, ANSWER_TOKENS)
        need = self._need
        assert need is not None
        return bisect.bisect_right(
            range(1, len(submit.token_ids)),
            free_bytes,
            key=lambda size: need.of(size, answer_size),
        )
