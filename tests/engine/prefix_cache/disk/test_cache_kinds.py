"""Each kind of cache that mlx-lm has: to disk and back, to the bit."""

import mlx.core as mx
import pytest
from engine.prefix_cache.disk.tiers import FLUSH_S, Warm, prompt
from mlx.utils import tree_flatten
from mlx_lm.models.cache import (
    ArraysCache,
    BatchKVCache,
    CacheList,
    ChunkedKVCache,
    ConcatenateKVCache,
    KVCache,
    QuantizedKVCache,
    RotatingKVCache,
)

from pensieve.engine.prefix_cache.layers import flat

KINDS = {
    "plain": lambda: [KVCache(), KVCache()],
    "concatenated": lambda: [ConcatenateKVCache()],
    "quantised": lambda: [QuantizedKVCache(32, 8), QuantizedKVCache(32, 4)],
    "rotating": lambda: [RotatingKVCache(40), KVCache()],
    "rotating with a kept start": lambda: [RotatingKVCache(40, keep=4)],
    "chunked": lambda: [ChunkedKVCache(40), KVCache()],
    "recurrent": lambda: [ArraysCache(2), KVCache()],
    "recurrent alone": lambda: [ArraysCache(2), ArraysCache(1)],
    "lists": lambda: [CacheList(ArraysCache(1), CacheList(KVCache())), KVCache()],
}


class Stand:
    """Stands for a model: writes to caches what its tokens say."""

    layers = ()

    def __init__(self, make, dtype) -> None:
        self.make_cache, self.dtype = make, dtype

    def __call__(self, tokens, cache):
        for i, layer in enumerate(flat(cache)):
            base = tokens[:, None, :, None] * mx.arange(1, 65) * (i + 1)
            rows = mx.repeat(mx.sin(base / 7), 2, axis=1).astype(self.dtype)
            if isinstance(layer, ArraysCache):
                for k in range(len(layer.cache) if i else 1):  # one stays unused
                    before = 0 if layer[k] is None else layer[k]
                    layer[k] = rows.sum(axis=2) + before
                continue
            if isinstance(layer, ChunkedKVCache):
                layer.maybe_trim_front()
            layer.update_and_fetch(rows, rows * 2)


def held(cache) -> list:
    """Return what caches give attention, and their numbers."""
    found = []
    for layer in flat(cache):
        if isinstance(layer, ArraysCache):
            found += layer.cache
        else:
            both = (layer.keys, layer.values)
            if isinstance(layer, BatchKVCache):
                both = tuple(each[:, :, : layer._idx] for each in both)
            elif hasattr(layer, "keys_and_values"):
                both = layer.keys_and_values()
            found += [layer.offset, *(array for _, array in tree_flatten(both))]
    return found


@pytest.mark.parametrize("size", [7, 16, 39, 100, 600])
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_what_comes_back_is_what_memory_gives(make, dtype, size, tmp_path):
    model = Stand(make, dtype)
    warm = Warm(model, tmp_path)
    cache = make()
    for start in range(0, size, 50):
        model(mx.array([prompt(size)[start : min(size, start + 50)]]), cache)
    warm.prefixes.keep(prompt(size), cache, saves=True)
    assert warm.disk.flush(FLUSH_S)
    again = warm.again()
    longer = [*prompt(size), 0]

    restored = again.restored(longer)
    got = again.prefixes.hit_of(longer, restored)

    expected = warm.prefixes.find(longer)
    assert got.size == expected.size == size
    for one, other in zip(held(got.cache), held(expected.cache), strict=True):
        if isinstance(one, mx.array):
            assert one.dtype == other.dtype
            assert mx.array_equal(one, other)
        else:
            assert one == other
