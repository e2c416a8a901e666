"""A GGUF file in, all that its header tells out; for people, so nothing is left out.

What Pensieve does not run is inspected as well, and told why it does not run. Only what
no reader can read is an error.
"""

from collections import Counter
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import msgspec

from pensieve._native.gguf import TensorInfo
from pensieve.errors import ModelError
from pensieve.models.gguf import describe_gguf
from pensieve.models.gguf_config import Config, model_config
from pensieve.models.gguf_memory import (
    KvCache,
    Memory,
    kv_cache,
    memory_on_cpu,
    memory_on_gpu,
    stated_kv_cache,
)
from pensieve.models.gguf_metadata import GgufMetadata
from pensieve.models.hyperparameters import Hyperparameters
from pensieve.models.tensor_forms import (
    FATES,
    FIDELITY,
    SUPPORTED_TENSOR_TYPES,
    activation_type,
    is_packed,
)

SHORT_ARRAY = 8
"""Items of a longer array that are shown."""

TOKENIZERS = {"gpt2": "byte-level BPE", "llama": "SentencePiece BPE"}
TOKEN_TYPES = {
    1: "normal",
    2: "unknown",
    3: "control",
    4: "user-defined",
    5: "unused",
    6: "byte",
}


class ShortArray(msgspec.Struct, frozen=True):
    """The beginning of a long array."""

    count: int
    item_type: str
    first: list[Any]


class TensorRow(msgspec.Struct, frozen=True):
    """A tensor, with its outermost dimension first."""

    name: str
    type: str
    shape: tuple[int, ...]
    num_bytes: int
    part: int
    """Which file it is in, from 1."""


class TypeRow(msgspec.Struct, frozen=True):
    """All tensors of one type."""

    type: str
    num_tensors: int
    num_weights: int
    num_bytes: int
    bits_per_weight: float
    on_gpu: str | None
    """What becomes of them there; None: Pensieve does not run the type."""


class TokenizerSummary(msgspec.Struct, frozen=True):
    """What the file says of its tokenizer."""

    model: str
    family: str
    """Of a kind that is not run, its name in the file."""
    pre: str | None
    num_tokens: int
    num_merges: int
    token_types: dict[str, int]


class PartFile(msgspec.Struct, frozen=True):
    """One file of the model."""

    path: str
    num_bytes: int


class Inspection(msgspec.Struct, frozen=True):
    """What a GGUF file holds, and what Pensieve would do with it."""

    path: str
    architecture: str | None
    mlx_lm_model: str | None
    """The module of mlx-lm that it runs by."""
    problems: list[str]
    """Why it does not run; empty if it does, as far as the header tells."""
    notes: list[str]
    version: int
    alignment: int
    num_bytes: int
    parts: list[PartFile]
    context_length: int | None
    types: list[TypeRow]
    on_cpu: Memory
    on_gpu: Memory | None
    tokenizer: TokenizerSummary | None
    chat_template: str | None
    end_tokens: list[str]
    metadata: dict[str, Any]
    tensors: list[TensorRow]


def inspect_gguf(path: Path) -> Inspection:
    """Read all that the header tells.

    Raises:
        ModelError: not a GGUF file, or a damaged one.
        OSError: it cannot be read.
    """
    metadata = GgufMetadata(path)
    tensors = metadata.file.tensors
    problems: list[str] = []
    config, notes = _config(metadata, problems)
    context_length = _whole(metadata, "context_length")
    cache = kv_cache(config) if config else _stated_cache(metadata)
    template, end_tokens = _described(metadata, problems)
    return Inspection(
        path=str(path),
        architecture=_text(metadata, "general.architecture"),
        mlx_lm_model=config["model_type"] if config else None,
        problems=list(dict.fromkeys(problems)),
        notes=notes,
        version=metadata.file.version,
        alignment=metadata.file.alignment,
        num_bytes=metadata.file.num_bytes,
        parts=[PartFile(*part) for part in metadata.file.parts],
        context_length=context_length,
        types=_types(tensors),
        on_cpu=memory_on_cpu(tensors, cache, context_length),
        on_gpu=memory_on_gpu(tensors, cache, context_length),
        tokenizer=_tokenizer(metadata),
        chat_template=template,
        end_tokens=end_tokens,
        metadata={key: _shown(metadata, key) for key in metadata.file},
        tensors=[_row(tensor) for tensor in tensors],
    )


# ----- Whether it runs -----


def _config(
    metadata: GgufMetadata, problems: list[str]
) -> tuple[Config | None, list[str]]:
    try:
        return model_config(metadata)
    except ModelError as error:
        problems.append(_reason(metadata, error))
        return None, []


def _described(
    metadata: GgufMetadata, problems: list[str]
) -> tuple[str | None, list[str]]:
    """Return the chat template and the end tokens, as the server sees them."""
    try:
        description = describe_gguf(metadata.path)
    except ModelError as error:
        problems.append(_reason(metadata, error))
        return _text(metadata, "tokenizer.chat_template"), []
    tokens = metadata.file.array("tokenizer.ggml.tokens")
    assert tokens is not None  # it was described
    ends = [tokens[token_id] for token_id in description.end_token_ids]
    return description.chat_template, ends


def _reason(metadata: GgufMetadata, error: ModelError) -> str:
    return str(error).removeprefix(f"{metadata.path}: ")


# ----- Its numbers -----


def _types(tensors: list[TensorInfo]) -> list[TypeRow]:
    """Return the types, that of most bytes first."""
    form = activation_type(each.type for each in tensors if len(each.shape) == 2)
    rows = []
    for name in {tensor.type for tensor in tensors}:
        of_type = [tensor for tensor in tensors if tensor.type == name]
        num_weights = sum(prod(tensor.shape) for tensor in of_type)
        num_bytes = sum(tensor.num_bytes for tensor in of_type)
        bits = 8 * num_bytes / num_weights
        on_gpu = None
        if name in SUPPORTED_TENSOR_TYPES:
            packed = any(is_packed(name, tensor.shape) for tensor in of_type)
            on_gpu = FATES[FIDELITY[name]] if packed else f"held as {form}"
        rows.append(TypeRow(name, len(of_type), num_weights, num_bytes, bits, on_gpu))
    return sorted(rows, key=lambda row: (-row.num_bytes, row.type))


def _row(tensor: TensorInfo) -> TensorRow:
    return TensorRow(
        tensor.name, tensor.type, tensor.shape, tensor.num_bytes, tensor.part + 1
    )


def _whole(metadata: GgufMetadata, key: str) -> int | None:
    """Return a whole number of the architecture's, None where there is none."""
    architecture = _text(metadata, "general.architecture")
    value = metadata.file.get(f"{architecture}.{key}")
    return value if type(value) is int else None


def _stated_cache(metadata: GgufMetadata) -> KvCache | None:
    try:
        return stated_kv_cache(Hyperparameters(metadata))
    except ModelError:
        return None


# ----- Its texts -----


def _text(metadata: GgufMetadata, key: str) -> str | None:
    try:
        return metadata.optional(key, str)
    except ModelError:
        return None


def _tokenizer(metadata: GgufMetadata) -> TokenizerSummary | None:
    model = _text(metadata, "tokenizer.ggml.model")
    if model is None:
        return None
    types: Counter[int] = Counter()
    with suppress(ModelError):  # which is among the problems
        types.update(metadata.array("tokenizer.ggml.token_type", int))
    return TokenizerSummary(
        model=model,
        family=TOKENIZERS.get(model, model),
        pre=_text(metadata, "tokenizer.ggml.pre"),
        num_tokens=_count(metadata, "tokenizer.ggml.tokens"),
        num_merges=_count(metadata, "tokenizer.ggml.merges"),
        token_types={
            TOKEN_TYPES.get(number, str(number)): count
            for number, count in sorted(types.items())
        },
    )


def _count(metadata: GgufMetadata, key: str) -> int:
    values = metadata.file.array(key) if key in metadata.file else None
    return 0 if values is None else len(values)


def _shown(metadata: GgufMetadata, key: str) -> Any:
    """Return a value, of a long array the beginning; of what is not UTF-8 the error."""
    try:
        values = metadata.file.array(key)
        if values is None:
            return metadata.value(key)
        if len(values) <= SHORT_ARRAY:
            return values.tolist()
        first = [values[index] for index in range(SHORT_ARRAY)]
        return ShortArray(len(values), values.item_type.__name__, first)
    except (ModelError, ValueError) as error:
        return f"({error})"
