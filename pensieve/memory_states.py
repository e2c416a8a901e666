"""Free memory in, what Pensieve may still do out: one table for both processes.

Each state does all that the milder ones do. Free memory is what the operating system
(and the GPU) can still give, in bytes.
"""

import enum
import itertools
from typing import NamedTuple

import msgspec

GIB = 1 << 30


class MemoryState(enum.IntEnum):
    """How short memory is; a greater one is worse."""

    SAFE = 0
    CAUTION = 1
    WARNING = 2
    CRITICAL = 3
    EMERGENCY = 4

    @property
    def label(self) -> str:
        """The name as it is shown."""
        return self.name.lower()


class Row(NamedTuple):
    """What is done in a state."""

    grows_cache: bool
    """Whether past prompts may take more memory than they have."""
    keeps_cache: bool
    """Whether they keep what they have; else MLX's free buffers go back with it."""
    max_sequences: int | None
    """Sequences that may be at work for another to be let in; None: as configured."""
    takes_new: bool
    """Whether new requests are taken, and those that wait are begun."""
    ends_largest: bool
    """Whether the largest sequence is ended; the engine, if that does not help."""


TABLE = {
    MemoryState.SAFE: Row(True, True, None, True, False),
    MemoryState.CAUTION: Row(False, True, None, True, False),
    MemoryState.WARNING: Row(False, False, 1, True, False),
    MemoryState.CRITICAL: Row(False, False, 1, False, False),
    MemoryState.EMERGENCY: Row(False, False, 1, False, True),
}

RECOVERY = 1.125
"""A state is left for a milder one at this much of its boundary, so that memory which
moves about the boundary does not change the state with each look."""


class MemoryThresholds(msgspec.Struct, frozen=True):
    """Free bytes below which each state begins; 0: never."""

    caution_bytes: int = 2 * GIB
    warning_bytes: int = 5 * GIB // 4
    critical_bytes: int = GIB
    emergency_bytes: int = GIB // 2

    def misplaced(self) -> tuple[str, str] | None:
        """Return the first two states whose boundaries do not descend, if any do not.

        Two that are 0 are in order: neither state is ever reached.
        """
        names = [state.label for state in list(MemoryState)[1:]]
        bounds = msgspec.structs.astuple(self)
        for i, (upper, lower) in enumerate(itertools.pairwise(bounds)):
            if lower >= upper and lower > 0:
                return names[i], names[i + 1]
        return None

    def state(self, free_bytes: int) -> MemoryState:
        """Return the state that so much free memory is."""
        bounds = msgspec.structs.astuple(self)
        return MemoryState(sum(free_bytes < bound for bound in bounds))

    def next_state(self, now: MemoryState, free_bytes: int) -> MemoryState:
        """Return the state that follows on one: a milder one only well beyond it."""
        worst = self.state(free_bytes)
        return max(worst, min(now, self.state(int(free_bytes / RECOVERY))))
