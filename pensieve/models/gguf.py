"""One GGUF file in, its ModelDescription or its vocabulary out; no tensor is read.

Keys are those of ggml's docs/gguf.md; where a file is silent, what llama.cpp's
llama-vocab.cpp assumes.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from pensieve._native.gguf import GgufArray
from pensieve.errors import ModelError
from pensieve.models.description import (
    GenerationDefaults,
    GgufVocabulary,
    ModelDescription,
)
from pensieve.models.file_times import modified_at
from pensieve.models.gguf_config import ARCHITECTURES
from pensieve.models.gguf_metadata import GgufMetadata, identity
from pensieve.models.sampling_defaults import SamplingDefaults
from pensieve.models.tensor_forms import SUPPORTED_TENSOR_TYPES

SUPPORTED_TOKENIZERS = ("gpt2", "llama")

END_TOKENS = {
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>"),
    *("<|endoftext|>", "<|end_of_text|>"),
}
"""Names under which models end a turn; many files state one end token of several."""

NORMAL, UNKNOWN, CONTROL, USER_DEFINED = range(1, 5)
"""Token types; no ordinary text is encoded to the last two."""

BOS_PRE_TOKENIZERS = ("llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral")
"""Byte-level pre-tokenizers whose models expect bos where the file does not say."""


def describe_gguf(path: Path) -> ModelDescription:
    """Say what the file holds.

    Raises:
        ModelError: not a GGUF file, a damaged one, or one that Pensieve does not run.
        OSError: the file cannot be read.
    """
    metadata = GgufMetadata(path)
    architecture = _architecture(metadata)
    _check_tensors(metadata)
    tables = _tables(metadata)
    _keep(metadata, tables)
    bos_token_id = _token_id(metadata, "bos", len(tables.tokens))
    eos_token_id = _token_id(metadata, "eos", len(tables.tokens))
    status = path.stat()
    return ModelDescription(
        name=path.stem,
        path=path,
        format="gguf",
        architecture=architecture,
        context_length=_context_length(metadata, architecture),
        created_at=modified_at(status),
        chat_template=_chat_template(metadata),
        bos_token=None if bos_token_id is None else tables.tokens[bos_token_id],
        eos_token=None if eos_token_id is None else tables.tokens[eos_token_id],
        add_bos_token=bos_token_id is not None and _adds_bos(metadata, tables),
        end_token_ids=_end_token_ids(metadata, tables),
        defaults=_generation_defaults(metadata),
        size_bytes=metadata.file.num_bytes,
    )


def vocabulary(path: Path) -> GgufVocabulary:
    """Return the tokenizer's tables.

    Raises:
        ModelError: not a GGUF file, or a tokenizer that is damaged or of another kind.
        OSError: the file cannot be read.
    """
    metadata, tables = _kept(path) or _read(path)
    is_sentencepiece = tables.model == "llama"
    tokens = tables.tokens.tolist()
    return GgufVocabulary(
        model=tables.model,
        pre=tables.pre,
        tokens=tokens,
        token_types=tables.types.tolist() if tables.types else [NORMAL] * len(tokens),
        merges=tables.merges.tolist() if tables.merges else [],
        scores=tables.scores.tolist() if tables.scores else [],
        unknown_token_id=_token_id(metadata, "unknown", len(tokens)),
        add_space_prefix=_flag(metadata, "add_space_prefix", default=is_sentencepiece),
    )


# PERF: a model is described, and then its vocabulary is wanted: what was read and
# checked for the one serves the other. At most one file is kept, and given out once.
_last: dict[tuple[Path, tuple[int, ...]], tuple[GgufMetadata, "Tables"]] = {}


def _read(path: Path) -> tuple[GgufMetadata, "Tables"]:
    metadata = GgufMetadata(path)
    return metadata, _tables(metadata)


def _keep(metadata: GgufMetadata, tables: "Tables") -> None:
    _last.clear()
    _last[metadata.path, metadata.identity] = metadata, tables


def _kept(path: Path) -> tuple[GgufMetadata, "Tables"] | None:
    return _last.pop((path, identity(path)), None)


# ----- Model -----


def _architecture(metadata: GgufMetadata) -> str:
    architecture = metadata.required("general.architecture", str)
    if architecture not in ARCHITECTURES:
        expected = "one of " + ", ".join(ARCHITECTURES)
        raise metadata.wrong("general.architecture", expected, repr(architecture))
    return architecture


def _check_tensors(metadata: GgufMetadata) -> None:
    for tensor in metadata.file.tensors:
        if tensor.type not in SUPPORTED_TENSOR_TYPES:
            expected = "one of the types " + ", ".join(SUPPORTED_TENSOR_TYPES)
            raise metadata.wrong(f"tensor {tensor.name}", expected, tensor.type)


def _context_length(metadata: GgufMetadata, architecture: str) -> int:
    key = f"{architecture}.context_length"
    context_length = metadata.required(key, int)
    if context_length < 1:
        raise metadata.wrong(key, "at least 1", context_length)
    return context_length


def _chat_template(metadata: GgufMetadata) -> str | None:
    """Return the one template, or of several the one named "default"."""
    template = metadata.optional("tokenizer.chat_template", str)
    return template or metadata.optional("tokenizer.chat_template.default", str)


def _generation_defaults(metadata: GgufMetadata) -> GenerationDefaults:
    keys = {
        "temperature": "temp",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "repetition_penalty": "penalty_repeat",
    }
    settings = {
        field: metadata.value(f"general.sampling.{key}") for field, key in keys.items()
    }
    try:
        return msgspec.convert(settings, SamplingDefaults).generation_defaults()
    except msgspec.ValidationError as error:
        raise ModelError(f"{metadata.path}: general.sampling: {error}") from error


# ----- Tokenizer -----


class Tables(NamedTuple):
    """The tokenizer's tables, checked and not converted: a model may be described in
    milliseconds, though it has some hundred thousand tokens."""

    model: str
    pre: str
    tokens: GgufArray[str]
    types: GgufArray[int] | None
    """As many as tokens."""
    merges: GgufArray[str] | None
    """All "left right"; None for "llama"."""
    scores: GgufArray[float] | None
    """As many as tokens; None for "gpt2"."""


def _tables(metadata: GgufMetadata) -> Tables:
    model = metadata.required("tokenizer.ggml.model", str)
    if model not in SUPPORTED_TOKENIZERS:
        expected = " or ".join(SUPPORTED_TOKENIZERS)
        raise metadata.wrong("tokenizer.ggml.model", expected, repr(model))
    tokens = metadata.lazy_array("tokenizer.ggml.tokens", str)
    if tokens is None:
        raise metadata.wrong("tokenizer.ggml.tokens", "a list of tokens", "none")
    size = len(tokens)
    with metadata.reader_errors():
        tokens.check()
    is_sentencepiece = model == "llama"
    return Tables(
        model=model,
        pre=metadata.optional("tokenizer.ggml.pre", str) or "default",
        tokens=tokens,
        types=metadata.lazy_array("tokenizer.ggml.token_type", int, size),
        merges=None if is_sentencepiece else _merges(metadata),
        scores=_scores(metadata, size) if is_sentencepiece else None,
    )


def _merges(metadata: GgufMetadata) -> GgufArray[str]:
    key = "tokenizer.ggml.merges"
    merges = metadata.lazy_array(key, str)
    if merges is None:
        raise metadata.wrong(key, "a list of pairs", "none")
    with metadata.reader_errors():
        # The left side may itself begin with a space.
        index = merges.first_without(" ", 1)
    if index is not None:
        raise metadata.wrong(f"{key}[{index}]", "'left right'", repr(merges[index]))
    return merges


def _scores(metadata: GgufMetadata, num_tokens: int) -> GgufArray[float]:
    key = "tokenizer.ggml.scores"
    scores = metadata.lazy_array(key, float, num_tokens)
    if scores is None:
        raise metadata.wrong(key, f"{num_tokens} values, one a token", "none")
    return scores


def _token_id(metadata: GgufMetadata, role: str, num_tokens: int) -> int | None:
    key = f"tokenizer.ggml.{role}_token_id"
    token_id = metadata.optional(key, int)
    if token_id is not None and not 0 <= token_id < num_tokens:
        raise metadata.wrong(key, f"0 to {num_tokens - 1}", token_id)
    return token_id


def _flag(metadata: GgufMetadata, name: str, *, default: bool) -> bool:
    flag = metadata.optional(f"tokenizer.ggml.{name}", bool)
    return default if flag is None else flag


def _adds_bos(metadata: GgufMetadata, tables: Tables) -> bool:
    default = tables.model == "llama" or tables.pre in BOS_PRE_TOKENIZERS
    return _flag(metadata, "add_bos_token", default=default)


def _end_token_ids(metadata: GgufMetadata, tables: Tables) -> list[int]:
    """Return the ids that the file names and those of known names, ascending."""
    size, types = len(tables.tokens), tables.types
    stated = (_token_id(metadata, role, size) for role in ("eos", "eot", "eom"))
    known = (
        token_id
        for places in tables.tokens.positions(END_TOKENS)
        for token_id in places
        if types is not None and types[token_id] in (CONTROL, USER_DEFINED)
    )
    return sorted({token_id for token_id in stated if token_id is not None} | {*known})
