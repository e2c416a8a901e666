"""What is to be written: one file each, its bytes read off MLX's arrays in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import mlx.core as mx

from pensieve.engine.prefix_cache.disk.eight_bit import packed
from pensieve.engine.prefix_cache.disk.file_format import Kind
from pensieve.engine.prefix_cache.disk.forms import ArrayForm, KVForm

Chunk = memoryview | bytes


class Piece(NamedTuple):
    """Keys and values of some tokens, evaluated, never written to again."""

    start: int
    layers: list[list[mx.array]]


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

    arrays: list[mx.array]

    def chunks(self) -> list[list[Chunk]]:
        """Return the bytes of each array."""
        return [[bytes_of(array)] for array in self.arrays]


def bytes_of(array: mx.array) -> memoryview:
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
