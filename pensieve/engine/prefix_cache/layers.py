"""One layer's cache of mlx-lm: its tokens, or its state, out of a row and back.

Two kinds. Where keys and values are kept token by token, any prefix can be cut out and
put together again. Where they are not (windows that have turned over, chunks, recurrent
states), only the state at the end can be had, as mlx-lm's cache of a single sequence.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import (
    ArraysCache,
    BatchKVCache,
    BatchRotatingKVCache,
    CacheList,
    ChunkedKVCache,
    ConcatenateKVCache,
    KVCache,
    QuantizedKVCache,
    RotatingKVCache,
)

from pensieve.errors import ModelError

BY_TOKEN = (KVCache, BatchKVCache, QuantizedKVCache, ConcatenateKVCache)
BY_STATE = (RotatingKVCache, BatchRotatingKVCache, ArraysCache, ChunkedKVCache)

Arrays = list[mx.array]
"""A layer's keys and values, each [1, num_heads, num_tokens, size]; none: unused."""


def flat(cache: Sequence[Any]) -> Iterator[Any]:
    """Go through a model's layers; one that is a CacheList is several."""
    for layer in cache:
        if isinstance(layer, CacheList):
            yield from flat(layer.caches)
        else:
            yield layer


def nested(template: Sequence[Any], layers: Iterator[Any]) -> list[Any]:
    """Put layers into CacheLists again, where the template has them."""
    return [
        CacheList(*nested(layer.caches, layers))
        if isinstance(layer, CacheList)
        else next(layers)
        for layer in template
    ]


def batched(layer: Any) -> Any:
    """Return a single sequence's cache as that of a batch of one.

    Raises:
        ModelError: mlx-lm has no batch of its kind.
    """
    if isinstance(layer, CacheList):
        return CacheList(*map(batched, layer.caches))
    if isinstance(layer, ArraysCache):
        return layer  # it is one; merge() cannot do those that are part empty
    if not hasattr(layer, "merge"):
        raise ModelError(
            f"cache: expected one that mlx-lm can batch, got {type(layer).__name__}"
        )
    return layer.merge([layer])


# ----- Kept token by token -----


def tokens_of(layer: Any, row: int, start: int, end: int) -> Arrays:
    """Return some tokens' keys and values, not yet computed and of their own.

    Args:
        row: index in the batch; 0 where there is none.
    """
    if layer.keys is None:
        return []
    if isinstance(layer, QuantizedKVCache):
        arrays = [*layer.keys, *layer.values]
    else:
        arrays = [layer.keys, layer.values]
    if isinstance(layer, BatchKVCache):
        padding = layer.left_padding.tolist()[row]
        start, end = start + padding, end + padding
    return [mx.contiguous(each[row : row + 1, :, start:end]) for each in arrays]


def of_tokens(template: Any, pieces: Sequence[Arrays], size: int, room: int) -> Any:
    """Return a layer's cache that holds these tokens, of a single sequence.

    Args:
        template: an empty cache of a single sequence.
        pieces: the layer's runs, in order, at least one.
        size: tokens that they hold.
        room: tokens that may follow without a copy.
    """
    joined = [joined_along_tokens(parts, room) for parts in zip(*pieces, strict=True)]
    return of_arrays(template, joined, size)


def of_arrays(template: Any, joined: Arrays, size: int) -> Any:
    """Return a layer's cache that holds these arrays, of a single sequence.

    Args:
        template: an empty cache of a single sequence.
        joined: the layer's arrays; owned by the cache. None: it was never used.
        size: tokens that are in them; there may be room for more.
    """
    if isinstance(template, QuantizedKVCache):
        layer = QuantizedKVCache(template.group_size, template.bits)
        if joined:
            half = len(joined) // 2
            layer.keys, layer.values = tuple(joined[:half]), tuple(joined[half:])
            layer.offset = size
        return layer
    if isinstance(template, ConcatenateKVCache):
        layer = ConcatenateKVCache()
        if joined:  # it cannot have room
            layer.state = [each[:, :, :size] for each in joined]
        return layer
    layer = KVCache()
    if joined:
        layer.keys, layer.values = joined
        layer.offset = size
    return layer


def joined_along_tokens(parts: Sequence[mx.array], room: int) -> mx.array:
    """Return the parts, and zeros for `room` tokens, as one array."""
    batch_size, num_heads, _, width = parts[0].shape
    zeros = mx.zeros((batch_size, num_heads, room, width), parts[0].dtype)
    return mx.concatenate([*parts, zeros], axis=2)


# ----- Kept as a state -----


def state_of(layer: Any, row: int) -> Any:
    """Return the state of a row as a single sequence's cache, not yet computed.

    It shares no array with the batch that is written to again.
    """
    if isinstance(layer, ArraysCache):
        state = ArraysCache(len(layer.cache))
        state.cache = [
            None if each is None else mx.contiguous(each[row : row + 1])
            for each in layer.cache
        ]
        return state
    if not isinstance(layer, RotatingKVCache | BatchRotatingKVCache):
        return copy.deepcopy(layer)
    if layer.keys is None:
        return RotatingKVCache(layer.max_size, getattr(layer, "keep", 0))
    if isinstance(layer, RotatingKVCache):
        layer = batched(layer)  # which puts what has turned over in order
    state = layer.extract(row)
    size = state.size()
    state.keys = mx.contiguous(state.keys[:, :, -size:])
    state.values = mx.contiguous(state.values[:, :, -size:])
    state._idx = size
    return state


def of_state(state: Any, unwanted: int = 0) -> Any:
    """Return a cache of a single sequence to go on with.

    Args:
        unwanted: tokens to take back, which `can_take_back` allows.
    """
    layer = copy.deepcopy(state)
    if unwanted:
        layer.trim(unwanted)
    return layer


def can_take_back(state: Any, num_tokens: int) -> bool:
    """Whether a state still holds all that it held so many tokens ago."""
    if isinstance(state, RotatingKVCache):
        return bool(num_tokens <= state.offset <= state.max_size)
    if isinstance(state, ChunkedKVCache):
        return bool(state.start_position == 0 and num_tokens <= state.offset)
    return False
