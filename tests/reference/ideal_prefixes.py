"""The slow twin of a prefix cache's policy: what an ideal one reads of each sequence.

Each prefix of a sequence is an entry, of one token (or block), known by the entry
before it and the token. Nothing is rounded to runs and nothing is pinned.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass
class _Entry:
    number: int
    size: int
    last_used: int


class IdealPrefixes:
    """Least recently used to the token, or without a limit.

    A sequence uses all of its prefixes at once. When it is added, and its new prefixes
    are more than there is room for, those that were used least lately go, of several
    the longest first; never its own. Of a sequence that is larger than the budget the
    start is kept.

    Args:
        budget: entries; None: no limit.
    """

    def __init__(self, budget: int | None = None) -> None:
        self._budget = budget
        self._entries: dict[tuple[int, Hashable], _Entry] = {}
        self._num_made = 0
        self._clock = 0

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, sequence: Sequence[Hashable]) -> int:
        """Return how much is known of a sequence, then know all of it.

        Its last token is always computed, so it is not read.
        """
        self._clock += 1
        before, known = 0, 0
        while known < len(sequence):
            entry = self._entries.get((before, sequence[known]))
            if entry is None:
                break
            entry.last_used = self._clock
            before, known = entry.number, known + 1
        if self._budget is not None:
            self._make_room(len(sequence) - known)
        for size, token in enumerate(sequence[known:], known + 1):
            if self._budget is not None and len(self) >= self._budget:
                break
            self._num_made += 1
            self._entries[before, token] = _Entry(self._num_made, size, self._clock)
            before = self._num_made
        return min(known, len(sequence) - 1)

    def _make_room(self, num_entries: int) -> None:
        assert self._budget is not None
        excess = len(self) + num_entries - self._budget
        if excess <= 0:
            return
        old = [key for key, e in self._entries.items() if e.last_used < self._clock]
        old.sort(
            key=lambda key: (self._entries[key].last_used, -self._entries[key].size)
        )
        for key in old[:excess]:
            del self._entries[key]
