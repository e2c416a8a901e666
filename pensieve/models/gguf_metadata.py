"""A GGUF file's metadata: a key and a type in, a value that has this type out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pensieve._native.gguf import GgufArray, GgufFile
from pensieve.errors import ModelError

T = TypeVar("T")


def identity(path: Path) -> tuple[int, ...]:
    """Return what another file in that place, or a changed one, does not have.

    Raises:
        OSError: there is none.
    """
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class GgufMetadata:
    """The keys of one file; whatever is asked for is checked.

    Raises:
        ModelError: not a GGUF file, or a damaged one.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity = identity(path)
        try:
            self.file = GgufFile(path)
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from error

    def value(self, key: str) -> object:
        """Return the value, None where the file has none.

        Raises:
            ModelError: a string is not UTF-8.
        """
        with self.reader_errors():
            return self.file.get(key)

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
        values = self.lazy_array(key, kind, size)
        if values is None:
            return []
        with self.reader_errors():
            return values.tolist()

    def lazy_array(
        self, key: str, kind: type[T], size: int | None = None
    ) -> GgufArray[T] | None:
        """Return the array, none of it converted; None where the file has none.

        An empty array is none. Strings may turn out not to be UTF-8 when they are asked
        for; do that within `reader_errors`.

        Raises:
            ModelError: it is something else, or not `size` long.
        """
        if key not in self.file:
            return None
        values = self.file.array(key)
        if values is None:
            raise self.wrong(key, "list", type(self.value(key)).__name__)
        if len(values) == 0:
            return None
        if values.item_type is not kind:
            expected = f"a list of {kind.__name__}"
            raise self.wrong(key, expected, f"a list of {values.item_type.__name__}")
        if size is not None and len(values) != size:
            raise self.wrong(key, f"{size} values, one a token", len(values))
        return values

    @contextmanager
    def reader_errors(self) -> Iterator[None]:
        """Name the file in what the reader says of a value.

        Raises:
            ModelError: for the reader's ValueError.
        """
        try:
            yield
        except ValueError as error:
            raise ModelError(f"{self.path}: {error}") from error

    def wrong(self, key: str, expected: object, got: object) -> ModelError:
        """Return the error to raise: where, expected, got."""
        return ModelError(f"{self.path}: {key}: expected {expected}, got {got}")


def _is(value: object, kind: type) -> bool:
    """Say whether the value is of just this type: to Python a bool is an int too."""
    return type(value) is kind
