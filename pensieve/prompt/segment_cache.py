"""Token ids of texts that were encoded before, least recently used out first."""

from array import array
from collections.abc import Callable, Hashable

from pensieve.prompt.recent import Recent


class SegmentCache:
    """Remembers encodings until their texts have more than `max_chars` in all.

    A conversation comes back whole with every turn, so nearly all of a prompt has been
    encoded before. Any thread may use it.
    """

    def __init__(self, max_chars: int) -> None:
        self._known: Recent[tuple[Hashable, str], array[int]] = Recent(max_chars)

    def encode(
        self, text: str, encoding: Hashable, encode: Callable[[str], "array[int]"]
    ) -> "array[int]":
        """Return `encode(text)`, from memory if `encoding` was asked for it before."""
        key = (encoding, text)
        token_ids = self._known.find(key)
        if token_ids is None:
            token_ids = encode(text)
            self._known.keep(key, token_ids, len(text))
        return token_ids
