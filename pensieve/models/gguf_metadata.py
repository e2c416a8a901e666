"""A GGUF file's metadata: a key and a type in, a value that has this type out."""

from pathlib import Path
from typing import TypeVar

from pensieve._native.gguf import GgufFile
from pensieve.errors import ModelError

T = TypeVar("T")


class GgufMetadata:
    """The keys of one file; whatever is asked for is checked.

    Raises:
        ModelError: not a GGUF file, or a damaged one.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = GgufFile(path)
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from error

    def value(self, key: str) -> object:
        """Return the value, None where the file has none.

        Raises:
            ModelError: a string is not UTF-8.
        """
        try:
            return self.file.get(key)
        except ValueError as error:
            raise ModelError(f"{self.path}: {key}: {error}") from error

    def optional(self, key: str, kind: type[T]) -> T | None:
        """Return the value, None where the file has none.

        Raises:
            ModelError: it is not a `kind`.
        """
        value = self.value(key)
        if value is None:
            return None
        if not _is(value, kind):
            raise self.wrong(key, kind.__name__, type(value).__name__)
        return value  # type: ignore[return-value]  # `_is` narrows it

    def required(self, key: str, kind: type[T]) -> T:
        """Return the value.

        Raises:
            ModelError: there is none, or it is not a `kind`.
        """
        value = self.optional(key, kind)
        if value is None:
            raise self.wrong(key, kind.__name__, "no such key")
        return value

    def array(self, key: str, kind: type[T], size: int | None = None) -> list[T]:
        """Return a list of `kind`, empty where the file has none.

        Raises:
            ModelError: it is something else, or neither empty nor `size` long.
        """
        values: list[T] = self.optional(key, list) or []
        # GGUF states one element type for a whole array, so the first tells of all.
        if values and not _is(values[0], kind):
            expected = f"a list of {kind.__name__}"
            raise self.wrong(key, expected, f"a list of {type(values[0]).__name__}")
        if size is not None and values and len(values) != size:
            raise self.wrong(key, f"{size} values, one a token", len(values))
        return values

    def wrong(self, key: str, expected: object, got: object) -> ModelError:
        """Return the error to raise: where, expected, got."""
        return ModelError(f"{self.path}: {key}: expected {expected}, got {got}")


def _is(value: object, kind: type) -> bool:
    """Say whether the value is of just this type: to Python a bool is an int too."""
    return type(value) is kind
