"""States of layers that keep no single tokens: into a file's arrays, and back.

A state is arrays and a few whole numbers: those that mlx-lm's cache names as its own.
"""

import copy
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import msgspec
from mlx_lm.models.cache import ArraysCache, ChunkedKVCache, RotatingKVCache

from pensieve.engine.prefix_cache.disk.forms import dtype_name, dtype_of
from pensieve.engine.prefix_cache.layers import BY_STATE, flat

MAX_SIZE = (1 << 31) - 1
"""Of an array in any direction, as MLX has it."""
NOT_OURS = (TypeError, OverflowError, ValueError)
"""What making arrays and states raises where a header names what was never written."""
_KINDS = (RotatingKVCache, ArraysCache, ChunkedKVCache)


class ArrayShape(msgspec.Struct, frozen=True, tag=True):
    """Stands for an array in a file's body."""

    shape: list[int]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Of the array."""
        count = dtype_of(self.dtype).size
        for size in self.shape:
            count *= size
        return count


class LayerState(msgspec.Struct, frozen=True):
    """One layer: `state` of mlx-lm's cache, its arrays named by their shapes."""

    kind: str
    items: list[ArrayShape | int | None]


_decoder = msgspec.msgpack.Decoder(list[LayerState])


def taken_apart(layers: Sequence[Any]) -> tuple[bytes, list[mx.array]]:
    """Return what a header says of states, and their arrays in order."""
    states, arrays = [], []
    for layer in layers:
        items: list[ArrayShape | int | None] = []
        for item in _items(layer):
            if isinstance(item, mx.array) and item.ndim > 0:
                items.append(ArrayShape([*item.shape], dtype_name(item)))
                arrays.append(item)
            else:
                items.append(None if item is None else int(item))
        states.append(LayerState(type(layer).__name__, items))
    return msgspec.msgpack.encode(states), arrays


def shapes(state: bytes) -> list[ArrayShape]:
    """Return the arrays that a header names.

    Raises:
        ValueError: it is not what `taken_apart` gives.
    """
    named = [item for layer in _decoded(state) for item in layer.items]
    found = [item for item in named if isinstance(item, ArrayShape)]
    for size in (size for each in found for size in each.shape):
        if not 0 <= size <= MAX_SIZE:
            raise ValueError(f"state: expected sizes up to {MAX_SIZE}, got {size}")
    return found


def put_together(
    template: Sequence[Any], state: bytes, arrays: Sequence[mx.array]
) -> list[Any]:
    """Return the layers' states.

    Args:
        template: the model's empty caches.
        arrays: as `shapes` says.

    Raises:
        ValueError: they are another model's.
    """
    empty = [layer for layer in flat(template) if isinstance(layer, BY_STATE)]
    told = _decoded(state)
    if len(told) != len(empty):
        raise ValueError(f"state: expected {len(empty)} layers, got {len(told)}")
    left = iter(arrays)
    layers = []
    for blank, one in zip(empty, told, strict=True):
        items = [next(left) if isinstance(i, ArrayShape) else i for i in one.items]
        if not isinstance(blank, _KINDS) or type(blank).__name__ != one.kind:
            kind = type(blank).__name__
            raise ValueError(f"state: expected a {kind}, got a {one.kind}")
        if len(items) != len(_items(blank)):
            raise ValueError(f"state: expected another {one.kind}, got {len(items)}")
        layer = copy.copy(blank)
        if isinstance(layer, ArraysCache):
            layer.cache = items
        else:
            layer.state = tuple(items)
        layers.append(layer)
    return layers


def _items(layer: Any) -> list[Any]:
    return [*layer.cache] if isinstance(layer, ArraysCache) else [*layer.state]


def _decoded(state: bytes) -> list[LayerState]:
    try:
        return _decoder.decode(state)
    except msgspec.DecodeError as error:
        raise ValueError(f"state: {error}") from error
