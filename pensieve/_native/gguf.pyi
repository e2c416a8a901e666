"""GGUF files, versions 2 and 3, little-endian: metadata and tensor table, mapped.

Every length and count is checked against the file before it is used, and nothing is
allocated from a size that the file states. No file may have more than

    keys                        65536
    tensors                   1048576    of all parts together
    bytes of a key              65535    (the format's own limit)
    bytes of a tensor's name       64    (the format's own limit)
    bytes of a string        67108864
    items of an array        16777216
    dimensions                      4    (the format's own limit)
    alignment                 1048576    a power of two
    parts                         512

and no arrays of arrays, no name twice, and no two tensors that share bytes.
Source: ggml's docs/gguf.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from types import GenericAlias
from typing import Any, Generic, Self, TypeVar, final

_T = TypeVar("_T")

LIMITS: Mapping[str, int]
"""The limits above, by these names."""

def part_names(file_name: str) -> list[str]:
    """Return the names of all files of the model that `file_name` is a part of.

    They are in order, `NAME-00001-of-00003.gguf` first. A name that no part has, or
    that of one of too many, is returned alone.
    """

@final
class TensorInfo:
    """One row of the tensor table."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """Outermost dimension first, as numpy has it (the file has the reverse)."""
    @property
    def type(self) -> str:
        """ggml's name: "F32", "Q4_K", …"""
    @property
    def offset(self) -> int:
        """From the start of its file, in bytes."""
    @property
    def num_bytes(self) -> int: ...
    @property
    def part(self) -> int:
        """Which of the model's files it is in, from 0."""

@final
class GgufArray(Generic[_T]):
    """An array of a file's metadata, converted when asked for; keeps the file mapped.

    The first use of strings checks them all. Then ValueError: "[gguf] …": one is not
    UTF-8.
    """

    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def item_type(self) -> type[_T]:
        """`bool`, `int`, `float` or `str`."""
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> _T:
        """Return one item; a negative index counts from the end.

        Raises:
            IndexError: there is no such item.
            ValueError: a string is not UTF-8.
        """
    def tolist(self) -> list[_T]:
        """Return all items.

        Raises:
            ValueError: a string is not UTF-8.
        """
    def check(self) -> None:
        """Do now what the first use would.

        Raises:
            ValueError: a string is not UTF-8.
        """
    def positions(self, texts: Iterable[str]) -> list[list[int]]:
        """Return, for each of a few texts, the indices of the items that are equal.

        Raises:
            TypeError: the items are no strings.
            ValueError: a string is not UTF-8.
        """
    def first_without(self, text: str, start: int = 0) -> int | None:
        """Return the first item that does not have `text` at or after byte `start`.

        Raises:
            TypeError: the items are no strings.
            ValueError: a string is not UTF-8.
        """

@final
class GgufFile:
    """A mapped GGUF file, or all files of a model that is split.

    The first part, `NAME-00001-of-00003.gguf`, opens the others, which lie beside it;
    metadata are those of the first. Values are converted when asked for.

    The files may be replaced or removed meanwhile, but not cut short: reading what is
    gone ends the process (SIGBUS).

    Raises:
        OSError: a file cannot be opened or mapped.
        ValueError: "[gguf] …": not a GGUF file, or a damaged one; a part that is not
            the first, or is missing, or does not belong to the others.
    """

    def __new__(cls, path: str | bytes | PathLike[str] | PathLike[bytes]) -> Self: ...
    @property
    def version(self) -> int: ...
    @property
    def alignment(self) -> int:
        """Of the first file's tensors, in bytes."""
    @property
    def num_bytes(self) -> int:
        """Size of all files."""
    @property
    def parts(self) -> list[tuple[str, int]]:
        """Path and size of each file, in order."""
    def keys(self) -> list[str]: ...
    def __contains__(self, key: str, /) -> bool: ...
    def __getitem__(self, key: str, /) -> object:
        """Return bool, int, float, str or a list of one of these.

        Raises:
            KeyError: no such key.
            ValueError: a string is not UTF-8.
        """
    def get(self, key: str, default: object = None) -> object: ...
    def array(self, key: str) -> GgufArray[Any] | None:
        """Return an array, nothing of it converted; None for a single value.

        Raises:
            KeyError: no such key.
        """
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    @property
    def tensors(self) -> list[TensorInfo]: ...
    def tensor_bytes(self, name: str) -> memoryview:
        """Return the tensor's bytes: a read-only view that keeps the mapping alive.

        Raises:
            KeyError: no such tensor.
        """
