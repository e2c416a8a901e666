"""What is to be written: one file each, its bytes read off MLX's arrays in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from pensieve.engine.prefix_cache.disk.eight_bit import packed
from pensieve.engine.prefix_cache.disk.file_format import Kind
from pensieve.engine.prefix_cache.disk.forms import ArrayForm, KVForm

Chunk = memoryview | bytes

HostArray = mx.array | NDArray[Any]
"""Whose bytes can be read in any thread: MLX's own, or a copy of NumPy's."""


class Piece(NamedTuple):
    """Keys and values of some tokens, evaluated, never written to again."""

    start: int
    layers: Sequence[Sequence[HostArray]]

    @property
    def end(self) -> int:
        """Where the next piece starts; `start`, if the model keeps no tokens."""
        sizes = [int(array.shape[2]) for layer in self.layers for array in layer[:1]]
        return self.start + max(sizes, default=0)

    def on_host(self) -> "Piece":
        """Return a copy in the host's memory. In the thread that made the arrays."""
        return Piece(self.start, [[*map(host_copy, layer)] for layer in self.layers])


def followed_to(pieces: Sequence[Piece], start: int) -> int:
    """Return where pieces end that follow each other from a token; `start`: none do."""
    for piece in pieces:
        if piece.start > start:
            break
        start = max(start, piece.end)
    return start


class Body(Protocol):
    """A file's arrays."""

    def chunks(self) -> list[list[Chunk]]:
        """Return the bytes of each array, in pieces."""


@dataclass(frozen=True)
class Job:
    """A file to be written."""

    path: Path
    kind: Kind
    start: int
    end: int
    keys: list[bytes]
    form: bytes
    body: Body
    nbytes: int
    state: bytes = b""


class KVBody(NamedTuple):
    """Some tokens' keys and values, of one piece after the other."""

    form: KVForm
    start: int
    end: int
    pieces: Sequence[Piece]

    def chunks(self) -> list[list[Chunk]]:
        """Return the bytes of each array, head by head."""
        by_array = [
            [array for layer in piece.layers for array in layer]
            for piece in self.pieces
        ]
        found: list[list[Chunk]] = []
        for i, form in enumerate(self.form.arrays):
            views = [bytes_of(arrays[i]) for arrays in by_array]
            of_array: list[Chunk] = []
            for head in range(form.num_heads):
                of_head = [
                    self._of_head(piece, view, by_array[k][i].shape[2], form, head)
                    for k, (piece, view) in enumerate(
                        zip(self.pieces, views, strict=True)
                    )
                ]
                of_array += stored(of_head, form)
            found.append(of_array)
        return found

    def _of_head(
        self, piece: Piece, view: memoryview, size: int, form: ArrayForm, head: int
    ) -> memoryview:
        """Return the bytes of a head's tokens that a piece has of this file."""
        first = max(self.start - piece.start, 0)
        last = min(self.end - piece.start, size)
        offset = head * size
        bytes_each = form.token_bytes
        return view[(offset + first) * bytes_each : (offset + last) * bytes_each]


class StateBody(NamedTuple):
    """A state's arrays."""

    arrays: Sequence[HostArray]

    def chunks(self) -> list[list[Chunk]]:
        """Return the bytes of each array."""
        return [[bytes_of(array)] for array in self.arrays]


def on_cuda() -> bool:
    """Whether arrays are in memory of a GPU that is not the host's, too.

    There MLX moves an array when its bytes are asked for, which no other thread may do.
    """
    is_gpu = mx.default_device().type == mx.gpu
    return is_gpu and not mx.metal.is_available()


def host_copy(array: HostArray) -> NDArray[Any]:
    """Return a copy; of types that NumPy has not, as whole numbers of their size."""
    if isinstance(array, np.ndarray):
        return array
    unsigned = {1: mx.uint8, 2: mx.uint16, 4: mx.uint32, 8: mx.uint64}
    return np.array(mx.view(array, unsigned[array.itemsize]))


def bytes_of(array: HostArray) -> memoryview:
    """Return the bytes of an evaluated array where they are, writable.

    MLX lays them out in order, or the cast fails.
    """
    return memoryview(array).cast("B")  # type: ignore[arg-type]


def stored(views: Sequence[memoryview], form: ArrayForm) -> list[Chunk]:
    """Return a head's tokens as they are on disk."""
    if not form.bits:
        return [*views]
    whole = views[0] if len(views) == 1 else memoryview(b"".join(views))
    scales, numbers = packed(whole, form.width, form.dtype)
    return [scales.tobytes(), numbers.tobytes()]
