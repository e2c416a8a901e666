"""A model's files in, the memory that it will take out, before anything is loaded.

The engine measures it once it has the model (`engine/memory/need.py`); this is what can
be said beforehand, by the header of a GGUF file or the config.json of a folder. What is
computed on the way of a prompt is estimated by the largest arrays of a layer.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pensieve.errors import ModelError
from pensieve.models.folder import WEIGHTS_PATTERN
from pensieve.models.folder_memory import weights_bytes
from pensieve.models.inspection import inspect_gguf
from pensieve.models.json_file import read_json

CHUNK = 512
"""Tokens of a prompt that are computed at a time, as engines often choose."""

PROCESSES_BYTES = 300 << 20
"""What both processes take without a model, more or less."""

Count = Annotated[int, Meta(ge=1, le=1 << 24)]


class Shape(msgspec.Struct, frozen=True):
    """What of config.json the sizes follow from, at the top or in `text_config`."""

    num_hidden_layers: Count | None = None
    num_attention_heads: Count | None = None
    num_key_value_heads: Count | None = None
    head_dim: Count | None = None
    hidden_size: Count | None = None
    intermediate_size: Count | None = None
    kv_lora_rank: Count | None = None
    qk_rope_head_dim: Count | None = None
    sliding_window: Count | None = None
    layer_types: list[str] | None = None
    full_attention_interval: Count | None = None

    def kv_values_per_token(self) -> int | None:
        """Return the numbers of a token that are kept however long the prompt is."""
        layers = self._layers_that_keep_all()
        if layers is None:
            return None
        if self.kv_lora_rank is not None:  # multi-head latent attention
            return layers * (self.kv_lora_rank + (self.qk_rope_head_dim or 0))
        heads = self.num_key_value_heads or self.num_attention_heads
        size = self.head_dim or self._head_dim()
        return None if heads is None or size is None else 2 * layers * heads * size

    def _layers_that_keep_all(self) -> int | None:
        if self.layer_types:
            return max(1, self.layer_types.count("full_attention"))
        layers = self.num_hidden_layers
        if layers is None or self.full_attention_interval is None:
            return layers
        return max(1, layers // self.full_attention_interval)

    def _head_dim(self) -> int | None:
        if self.hidden_size is None or self.num_attention_heads is None:
            return None
        return self.hidden_size // self.num_attention_heads


class _Config(Shape, frozen=True, kw_only=True):
    text_config: Shape | None = None
    torch_dtype: str | None = None
    dtype: str | None = None
    quantization: dict[str, Any] | None = None


class MemoryEstimate(msgspec.Struct, frozen=True):
    """Bytes, None where the files do not tell."""

    weights_bytes: int
    kv_bytes_per_token: int | None
    prefill_bytes_per_token: int | None
    """On the way, for each token of a chunk,"""
    prefill_bytes_per_pair: int
    """and for each token of a chunk and each before it: attention's scores, where no
    kernel fuses them."""

    def kv_bytes(self, num_tokens: int) -> int | None:
        """Return what a sequence of so many tokens keeps."""
        per_token = self.kv_bytes_per_token
        return None if per_token is None else per_token * num_tokens

    def prefill_bytes(self, num_tokens: int) -> int | None:
        """Return the most that a prompt of so many tokens takes on the way."""
        if self.prefill_bytes_per_token is None:
            return None
        chunk = min(CHUNK, num_tokens)
        pairs = chunk * num_tokens * self.prefill_bytes_per_pair
        return chunk * self.prefill_bytes_per_token + pairs

    def max_tokens(self, room_bytes: int, limit: int) -> int | None:
        """Return the tokens, `limit` at most, of a sequence that fits into room."""
        if self.kv_bytes_per_token is None:
            return None
        chunk_bytes = CHUNK * (self.prefill_bytes_per_token or 0)
        a_token = self.kv_bytes_per_token + CHUNK * self.prefill_bytes_per_pair
        room = room_bytes - self.weights_bytes - chunk_bytes
        return min(limit, max(0, room) // max(1, a_token))


def estimate(path: Path, on_gpu: bool) -> MemoryEstimate:
    """Say what a model takes.

    Args:
        path: a .gguf file or a model folder.
        on_gpu: whether MLX runs on one: weights of a GGUF file stay packed there.

    Raises:
        ModelError: the files are damaged.
        OSError: they cannot be read.
    """
    return _of_folder(path, on_gpu) if path.is_dir() else _of_gguf(path, on_gpu)


def _of_gguf(path: Path, on_gpu: bool) -> MemoryEstimate:
    inspection = inspect_gguf(path)
    memory = inspection.on_gpu if on_gpu else inspection.on_cpu
    if memory is None:
        raise ModelError(f"{path}: {'; '.join(inspection.problems)}")
    per_1000 = memory.kv_bytes_per_1000_tokens
    told = inspection.metadata

    def number(key: str) -> int | None:
        value: Any = told.get(f"{inspection.architecture}.{key}")
        return value if type(value) is int and value > 0 else None

    shape = Shape(
        num_attention_heads=number("attention.head_count"),
        hidden_size=number("embedding_length"),
        intermediate_size=number("feed_forward_length"),
    )
    return _estimate(
        memory.weights_bytes,
        None if per_1000 is None else per_1000 // 1000,
        shape,
        4 if memory.form == "float32" else 2,
        on_gpu,
    )


def _of_folder(path: Path, on_gpu: bool) -> MemoryEstimate:
    config = read_json(path / "config.json", _Config)
    shape = config.text_config or config
    is_float32 = "float32" in (config.dtype or config.torch_dtype or "")
    size = 2 if on_gpu and not is_float32 else 4
    values = shape.kv_values_per_token()
    files = sorted(path.glob(WEIGHTS_PATTERN))
    weights = weights_bytes(files, config.quantization or {}, packed=on_gpu)
    kv_bytes = None if values is None else values * size
    return _estimate(weights, kv_bytes, shape, size, on_gpu)


def _estimate(
    weights_bytes: int,
    kv_bytes: int | None,
    shape: Shape,
    size: int,
    on_gpu: bool,
) -> MemoryEstimate:
    per_token = None
    if shape.hidden_size is not None:
        # The residual stream, its norm, queries and the layer's answer; gate, up and
        # their product.
        width = 4 * shape.hidden_size + 3 * (shape.intermediate_size or 0)
        per_token = width * size
    heads = 0 if on_gpu else (shape.num_attention_heads or 0)
    return MemoryEstimate(weights_bytes, kv_bytes, per_token, heads * 4)
