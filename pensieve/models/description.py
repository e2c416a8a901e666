"""What a model's files say of it: the one form that both processes read."""

from pathlib import Path
from typing import Literal

import msgspec


class GenerationDefaults(msgspec.Struct, frozen=True):
    """The model's own sampling settings; None where it has none."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class GgufVocabulary(msgspec.Struct, frozen=True):
    """The tokenizer as a GGUF file holds it (`tokenizer.ggml.*`)."""

    model: str
    """"gpt2" (byte-level BPE, merges) or "llama" (SentencePiece BPE, scores)."""
    pre: str
    """Name of the pre-tokenizer; "default" where the file has none."""
    tokens: list[str]
    token_types: list[int]
    """1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte."""
    merges: list[str]
    """"left right" each; empty for "llama"."""
    scores: list[float]
    """Empty for "gpt2"."""
    unknown_token_id: int | None = None
    add_space_prefix: bool = False


class ModelDescription(msgspec.Struct, frozen=True):
    """A model as the server needs to know it. Built by `models.files.describe`."""

    name: str
    """The id that `/v1/models` shows."""
    path: Path
    """A .gguf file, or a folder in Hugging Face form."""
    format: Literal["gguf", "folder"]
    architecture: str
    """`general.architecture` of a GGUF file, `model_type` of a config.json."""
    context_length: int
    """Tokens, prompt and answer together."""
    created_at: str
    """RFC 3339, from the file's time."""
    chat_template: str | None
    bos_token: str | None
    eos_token: str | None
    add_bos_token: bool
    """Whether text that does not begin with `bos_token` is given one."""
    end_token_ids: list[int]
    """Any of these ends an answer."""
    defaults: GenerationDefaults
    size_bytes: int
