"""The keys `<architecture>.*` of a GGUF file, each checked as it is read.

A file is untrusted: a number that is not one, or is out of all measure, is a ModelError
before anything is built from it.
"""

import math

from pensieve.errors import ModelError
from pensieve.models.gguf_metadata import GgufMetadata

MAX_COUNT = 1 << 24
"""More than any real dimension; keeps products of two far from overflow."""


class Hyperparameters:
    """Reads `<architecture>.<key>`, with what the caller expects of it.

    Raises:
        ModelError: the file names no architecture.
    """

    def __init__(self, metadata: GgufMetadata) -> None:
        self.architecture = metadata.required("general.architecture", str)
        self._metadata = metadata

    def get(self, key: str) -> object:
        """Return a value as it is, None if the file has none.

        A list of one value a layer, all the same, is that value.
        """
        value = self._metadata.value(f"{self.architecture}.{key}")
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            return value[0]
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """Return a whole number from 1 to MAX_COUNT."""
        value = self._or_default(key, default)
        if type(value) is not int or not 1 <= value <= MAX_COUNT:
            raise self.wrong(key, f"a whole number from 1 to {MAX_COUNT}", value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number above 0."""
        value = self._or_default(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, "a number", value)
        if not 0 < value < math.inf:
            raise self.wrong(key, "a finite number above 0", value)
        return float(value)

    def wrong(self, key: str, expected: str, got: object) -> ModelError:
        """Return the error to raise: where, expected, got."""
        shown = "no such key" if got is None else repr(got)
        shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
        return self._metadata.wrong(f"{self.architecture}.{key}", expected, shown)

    def _or_default(self, key: str, default: object) -> object:
        value = self.get(key)
        return default if value is None else value
