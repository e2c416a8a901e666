"""A prompt's length in, the memory that its sequence will need at most out.

Measured, not known: what a layer's cache takes a token is read off real arrays, and
what is computed on the way off MLX's peak in three small chunks: two of different sizes
with nothing before them, and one with CONTEXT tokens before it. That tells what grows
with a chunk's tokens, with their pairs and with those before them: attention's scores,
where no kernel fuses them, as on a CPU. Model thread only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import (
    BatchRotatingKVCache,
    ChunkedKVCache,
    RotatingKVCache,
    make_prompt_cache,
)

from pensieve.engine.prefix_cache.layers import BY_TOKEN, flat, tokens_of
from pensieve.engine.prefix_cache.snapshots import (
    KVSegment,
    Layout,
    States,
    arrays_in,
)

CONTEXT = 2048
"""Tokens before the second chunk."""
CPU_PROBE = 64
"""Tokens of such a chunk on a CPU, where larger ones would be felt at each start."""
CACHE_STEP = 256
"""Tokens by which mlx-lm lets caches grow."""


class CacheBytes(NamedTuple):
    """What one sequence's caches take."""

    per_token: int
    """Of all layers that keep their tokens one by one."""
    per_token_of_widest: int
    """Of the largest of them, which is copied when it grows."""
    windows: tuple[tuple[int, int], ...]
    """Of each layer that forgets: bytes a token, and the most tokens."""
    fixed: int
    """Of states."""

    @classmethod
    def measured(cls, cache: Sequence[Any]) -> "CacheBytes":
        """Return what caches of a single sequence say that hold a token or more."""
        by_token, windows, fixed = [0], [], 0
        for layer in flat(cache):
            if isinstance(layer, BY_TOKEN):
                by_token.append(sum(each.nbytes for each in tokens_of(layer, 0, 0, 1)))
            elif isinstance(layer, RotatingKVCache | BatchRotatingKVCache):
                if layer.keys is not None:
                    windows.append((_bytes_a_token(layer), layer.max_size))
            elif isinstance(layer, ChunkedKVCache):
                if layer.keys is not None:
                    windows.append((_bytes_a_token(layer), layer.chunk_size))
            else:
                fixed += int(layer.nbytes)
        return cls(sum(by_token), max(by_token), tuple(windows), fixed)

    def of(self, num_tokens: int, chunk: int = 0) -> int:
        """Return what the caches of so many tokens take.

        Args:
            chunk: tokens that a window holds beyond its size while it is prefilled.
        """
        grown = -(-num_tokens // CACHE_STEP) * CACHE_STEP
        windows = sum(
            per_token * min(grown, size + chunk) for per_token, size in self.windows
        )
        return self.per_token * grown + windows + self.fixed


class MemoryNeed(NamedTuple):
    """What sequences of a model need."""

    cache: CacheBytes
    chunk: int
    """Tokens that are prefilled at a time."""
    bytes_a_token: float
    """What a chunk takes on the way for each of its tokens,"""
    bytes_a_pair: float
    """for each two of its tokens,"""
    bytes_a_context_pair: float
    """and for each of its tokens and one before the chunk."""

    def of(
        self, num_tokens: int, answer_size: int, others: int = 0, longest: int = 0
    ) -> int:
        """Return the most memory that a sequence takes, in bytes.

        Args:
            num_tokens: of the prompt.
            answer_size: tokens that are to follow it.
            others: sequences that it will be batched with.
            longest: tokens of the longest of these. In a batch all rows are as long.
        """
        chunk = min(self.chunk, num_tokens)
        on_the_way = chunk * (
            self.bytes_a_token
            + self.bytes_a_pair * chunk
            + self.bytes_a_context_pair * (num_tokens - chunk)
        )
        growth = self.cache.per_token_of_widest * num_tokens
        prefill = self.cache.of(num_tokens, chunk) + int(on_the_way) + growth

        row_size = max(num_tokens + answer_size, longest)
        batch = (others + 1) * self.cache.of(row_size)
        copied = (others + 1) * self.cache.per_token_of_widest * row_size
        joined = batch + copied - others * self.cache.of(longest)
        return max(prefill, joined)


def measured_need(model: nn.Module, chunk: int) -> MemoryNeed:
    """Run three chunks of the model; return what sequences need.

    Args:
        chunk: tokens that will be prefilled at a time, >= 1.

    Raises:
        ModelError: its caches are of a kind that is not known.
    """
    on_gpu = mx.default_device().type == mx.gpu
    probe = chunk if on_gpu else min(chunk, CPU_PROBE)
    layout = Layout(make_prompt_cache(model))
    half = _bytes_on_the_way(model, make_prompt_cache(model), max(1, probe // 2))
    cache = make_prompt_cache(model)
    whole = _bytes_on_the_way(model, cache, probe)
    sizes = CacheBytes.measured(cache)
    long = _with_context(layout, cache, room=probe)
    behind = _bytes_on_the_way(model, long, probe)
    # whole = a probe + b probe^2, half = a probe/2 + b probe^2/4
    pair = max(0.0, 2 * (whole - 2 * half) / probe**2)
    token = max(0.0, whole / probe - pair * probe)
    context_pair = max(0, behind - whole) / (probe * CONTEXT)
    return MemoryNeed(sizes, chunk, token, pair, context_pair)


def _bytes_on_the_way(model: nn.Module, cache: list[Any], size: int) -> int:
    """Prefill a chunk; return the most memory it took beside what stays."""
    mx.synchronize()
    mx.clear_cache()
    mx.reset_peak_memory()
    model(mx.zeros((1, size), mx.uint32), cache=cache)
    mx.eval(arrays_in(cache))
    mx.synchronize()
    return int(mx.get_peak_memory() - mx.get_active_memory())


def _with_context(layout: Layout, cache: Sequence[Any], room: int) -> list[Any]:
    """Return caches as after CONTEXT tokens, all zeros: no token is computed."""
    first = layout.segment(cache, 0, 0, 1)
    segment = KVSegment(
        [[_stretched(each, CONTEXT) for each in layer] for layer in first.layers]
    )
    states = layout.states(cache, 0, CONTEXT)
    if states is not None:
        states = States([*map(_with_full_window, states.layers)], CONTEXT)
    long = layout.cache([segment], states, CONTEXT, room)
    mx.eval(arrays_in(long))
    return long


def _with_full_window(state: Any) -> Any:
    if isinstance(state, RotatingKVCache) and state.keys is not None:
        size = min(state.max_size, CONTEXT)
        state.keys = _stretched(state.keys, size)
        state.values = _stretched(state.values, size)
        state.offset = state._idx = size
    return state


def _stretched(array: mx.array, size: int) -> mx.array:
    """Return zeros for so many tokens, of what `array` has for some."""
    batch_size, num_heads, _, width = array.shape
    return mx.zeros((batch_size, num_heads, size, width), array.dtype)


def _bytes_a_token(layer: Any) -> int:
    arrays = (layer.keys, layer.values)
    return sum(each.nbytes // each.shape[2] for each in arrays)
