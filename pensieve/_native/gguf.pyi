"""GGUF file headers: metadata and tensor table, read from a mapped file.

Every length and count is checked against the file before it is used, and nothing is
allocated from a size that the file states. Source: ggml's docs/gguf.md.
"""

from collections.abc import Iterator
from os import PathLike
from typing import Self, final

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
        """From the start of the file, in bytes."""
    @property
    def num_bytes(self) -> int: ...

@final
class GgufFile:
    """A mapped GGUF file. Metadata values are converted when asked for.

    The file may be replaced or removed meanwhile, but not cut short: reading what is
    gone ends the process (SIGBUS).

    Raises:
        OSError: the file cannot be opened or mapped.
        ValueError: "[gguf] …": not a GGUF file, or a damaged one.
    """

    def __new__(cls, path: str | PathLike[str]) -> Self: ...
    @property
    def version(self) -> int: ...
    @property
    def alignment(self) -> int: ...
    @property
    def num_bytes(self) -> int:
        """Size of the file."""
    def keys(self) -> list[str]: ...
    def __contains__(self, key: str, /) -> bool: ...
    def __getitem__(self, key: str, /) -> object:
        """Return bool, int, float, str or a list of one of these.

        Raises:
            KeyError: no such key.
            ValueError: a string is not UTF-8.
        """
    def get(self, key: str, default: object = None) -> object: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    @property
    def tensors(self) -> list[TensorInfo]: ...
    def tensor_bytes(self, name: str) -> memoryview:
        """Return the tensor's bytes: a read-only view that keeps the mapping alive.

        Raises:
            KeyError: no such tensor.
        """
