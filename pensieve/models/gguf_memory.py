"""What a GGUF model takes in memory once loaded, as far as its header tells."""

from collections.abc import Iterable
from math import prod

import msgspec

from pensieve._native.gguf import TensorInfo
from pensieve.errors import ModelError
from pensieve.models.gguf_config import FACTORS, Config
from pensieve.models.hyperparameters import Hyperparameters
from pensieve.models.tensor_forms import (
    FLOAT_BYTES,
    SUPPORTED_TENSOR_TYPES,
    FloatType,
    activation_type,
    packed_bytes,
)


class KvCache(msgspec.Struct, frozen=True):
    """How many numbers the keys and values of a sequence are."""

    per_token: int
    """Of the layers that keep all tokens."""
    per_windowed_token: int = 0
    """Of those that keep the last ones only,"""
    window: int = 0
    """which are so many."""

    def num_values(self, num_tokens: int) -> int:
        """Return the numbers of a sequence of so many tokens."""
        kept = min(num_tokens, self.window)
        return self.per_token * num_tokens + self.per_windowed_token * kept


class Memory(msgspec.Struct, frozen=True):
    """Bytes that a loaded model takes on one kind of device."""

    form: FloatType
    """The type of activations, keys and values."""
    weights_bytes: int
    kv_bytes_per_1000_tokens: int | None
    """Of one sequence; None where the header does not tell."""
    kv_bytes_at_context_length: int | None


def kv_cache(config: Config) -> KvCache:
    """Return what the caches of an mlx-lm model of this configuration hold."""
    layers = config["num_hidden_layers"]
    per_layer = 2 * config["num_key_value_heads"] * config["head_dim"]
    window = config.get("sliding_window")
    if window is None:
        return KvCache(layers * per_layer)
    full_layers = layers // config["sliding_window_pattern"]
    windowed = (layers - full_layers) * per_layer
    return KvCache(full_layers * per_layer, windowed, window)


def stated_kv_cache(hyper: Hyperparameters) -> KvCache | None:
    """Return what the header of another architecture suggests; None: nothing."""
    try:
        heads = hyper.count("attention.head_count")
        size = hyper.count("embedding_length") // heads or None
        key_size = hyper.count("attention.key_length", size)
        value_size = hyper.count("attention.value_length", size)
        kv_heads = hyper.count("attention.head_count_kv", heads)
        return KvCache(hyper.count("block_count") * kv_heads * (key_size + value_size))
    except ModelError:
        return None


def memory_on_cpu(
    tensors: Iterable[TensorInfo], cache: KvCache | None, context_length: int | None
) -> Memory:
    """Return what the model takes with all weights as float32."""
    num_weights = sum(prod(tensor.shape) for tensor in _loaded(tensors))
    weights_bytes = num_weights * FLOAT_BYTES["float32"]
    return _memory("float32", weights_bytes, cache, context_length)


def memory_on_gpu(
    tensors: Iterable[TensorInfo], cache: KvCache | None, context_length: int | None
) -> Memory | None:
    """Return what it takes with its matrices packed; None: not all can be."""
    loaded = _loaded(tensors)
    if any(tensor.type not in SUPPORTED_TENSOR_TYPES for tensor in loaded):
        return None
    form = activation_type(each.type for each in loaded if len(each.shape) == 2)
    weights_bytes = sum(packed_bytes(each.type, each.shape, form) for each in loaded)
    return _memory(form, weights_bytes, cache, context_length)


def _loaded(tensors: Iterable[TensorInfo]) -> list[TensorInfo]:
    """Leave out rotary frequencies, which are no weights."""
    frequencies = {name for names in FACTORS.values() for name in names}
    return [tensor for tensor in tensors if tensor.name not in frequencies]


def _memory(
    form: FloatType,
    weights_bytes: int,
    cache: KvCache | None,
    context_length: int | None,
) -> Memory:
    def kv_bytes(num_tokens: int | None) -> int | None:
        if cache is None or num_tokens is None:
            return None
        return cache.num_values(num_tokens) * FLOAT_BYTES[form]

    return Memory(form, weights_bytes, kv_bytes(1000), kv_bytes(context_length))
