"""What was made of something before, by what it was made of."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_CHARS = 8 << 20
"""Of texts that are remembered: some twenty conversations of a coding agent."""


class Recent(Generic[K, V]):
    """Values by key, least recently used out first. Any thread may use it.

    Args:
        max_chars: of all values, as `keep` is told of each.
    """

    def __init__(self, max_chars: int = MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._num_chars = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: K) -> V | None:
        """Return the value; None: there is none any more."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def keep(self, key: K, value: V, num_chars: int) -> None:
        """Remember a value, unless it alone is too long."""
        with self._lock:
            if key in self._entries or num_chars > self._max_chars:
                return
            self._entries[key] = value, num_chars
            self._num_chars += num_chars
            while self._num_chars > self._max_chars:
                _, (_, oldest_chars) = self._entries.popitem(last=False)
                self._num_chars -= oldest_chars
