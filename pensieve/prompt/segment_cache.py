"""Token ids of texts that were encoded before, least recently used out first."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable


class SegmentCache:
    """Remembers encodings until their texts have more than `max_chars` in all.

    A conversation comes back whole with every turn, so nearly all of a prompt has been
    encoded before. Any thread may use it.
    """

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._num_chars = 0
        self._entries: OrderedDict[tuple[Hashable, str], array[int]] = OrderedDict()
        self._lock = threading.Lock()

    def encode(
        self, text: str, encoding: Hashable, encode: Callable[[str], "array[int]"]
    ) -> "array[int]":
        """Return `encode(text)`, from memory if `encoding` was asked for it before."""
        key = (encoding, text)
        with self._lock:
            if (known := self._entries.get(key)) is not None:
                self._entries.move_to_end(key)
                return known
        token_ids = encode(text)
        with self._lock:
            if key not in self._entries and len(text) <= self._max_chars:
                self._entries[key] = token_ids
                self._num_chars += len(text)
                self._evict()
        return token_ids

    def _evict(self) -> None:
        while self._num_chars > self._max_chars:
            (_, text), _ = self._entries.popitem(last=False)
            self._num_chars -= len(text)
