"""In what form a model's keys and values are on disk.

Of each layer and array, each head's tokens are one piece: [num_tokens, width], so that
a file's part of a head is read straight into its place in an array of final length.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import msgspec
from mlx_lm.models.cache import QuantizedKVCache

from pensieve.engine.prefix_cache.layers import BY_TOKEN, flat, tokens_of

_FLOATS = ("float32", "float16", "bfloat16")


class ArrayForm(NamedTuple):
    """Of one array, [1, num_heads, num_tokens, width] in memory."""

    num_heads: int
    width: int
    dtype: str
    """Of MLX, by its name."""
    bits: int = 0
    """8: on disk as whole numbers of 8 bits, each token's by its own scale; 0: as in
    memory."""

    @property
    def token_bytes(self) -> int:
        """In memory, of one head's token."""
        return self.width * dtype_of(self.dtype).size

    def stored_bytes(self, num_tokens: int) -> int:
        """On disk, of one head's tokens."""
        token_bytes = self.width + 4 if self.bits else self.token_bytes
        return num_tokens * token_bytes

    def array_bytes(self, num_tokens: int) -> int:
        """On disk, of all heads' tokens."""
        return self.num_heads * self.stored_bytes(num_tokens)


class KVForm:
    """Of all layers that keep their tokens one by one.

    Args:
        layers: the arrays of each; of one that the model never uses, none.
    """

    def __init__(self, layers: Sequence[Sequence[ArrayForm]]) -> None:
        self.layers = layers
        self.arrays = [each for layer in layers for each in layer]
        """Of all layers, in the order in which they are in a file."""

    @classmethod
    def of_cache(cls, cache: Sequence[Any], bits: int) -> "KVForm":
        """Read the forms off a cache that the model has written to.

        Args:
            bits: 8: arrays of floats are made smaller on disk, where mlx-lm has not
                done so already; 0: nothing is.
        """
        layers = []
        for layer in flat(cache):
            if isinstance(layer, BY_TOKEN):
                arrays = tokens_of(layer, 0, 0, 1)
                is_packed = isinstance(layer, QuantizedKVCache)
                layers.append([_form_of(a, 0 if is_packed else bits) for a in arrays])
        return cls(layers)

    def fits(self, layers: Sequence[Sequence[Any]]) -> bool:
        """Whether arrays are of this form, whatever their number of tokens."""
        forms = [[_form_of(a, 0)[:3] for a in arrays] for arrays in layers]
        return forms == [[form[:3] for form in layer] for layer in self.layers]

    @property
    def token_bytes(self) -> int:
        """In memory, of one token."""
        return sum(form.num_heads * form.token_bytes for form in self.arrays)

    def body_bytes(self, num_tokens: int) -> int:
        """On disk, of so many tokens."""
        return sum(form.array_bytes(num_tokens) for form in self.arrays)

    def offsets(self, num_tokens: int) -> list[int]:
        """Return where each array begins in a file's body."""
        offsets, offset = [], 0
        for form in self.arrays:
            offsets.append(offset)
            offset += form.array_bytes(num_tokens)
        return offsets


def signature(cache: Sequence[Any], form: KVForm) -> bytes:
    """Return what has to be equal for one cache's files to be of use to another."""
    kinds = [type(layer).__name__ for layer in flat(cache)]
    sizes = [
        getattr(layer, name, None)
        for layer in flat(cache)
        for name in ("max_size", "keep", "chunk_size", "group_size", "bits")
    ]
    return msgspec.msgpack.encode([kinds, sizes, form.layers])


def dtype_name(array: mx.array) -> str:
    """Return an array's dtype without "mlx.core."."""
    return str(array.dtype).rpartition(".")[2]


def dtype_of(name: str) -> mx.Dtype:
    """Return the dtype of a name.

    Raises:
        ValueError: there is none.
    """
    dtype = getattr(mx, name, None)
    if not isinstance(dtype, mx.Dtype):
        raise ValueError(f"dtype: expected one of MLX's, got {name}")
    return dtype


def _form_of(array: mx.array, bits: int) -> ArrayForm:
    _, num_heads, _, width = array.shape
    name = dtype_name(array)
    return ArrayForm(num_heads, width, name, bits if name in _FLOATS else 0)
