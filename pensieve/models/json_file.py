"""A JSON or text file of a model: its path in, values of a known type out.

Model files come from anywhere: whatever they hold, the worst outcome is a ModelError
that says where, what was expected and what came.
"""

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from pensieve.errors import ModelError

T = TypeVar("T")

MAX_CONFIG_BYTES = 16 << 20
MAX_TOKENIZER_BYTES = 256 << 20
"""Gemma's tokenizer.json, the largest known, has 33 MB."""


def read_text(path: Path, max_bytes: int = MAX_CONFIG_BYTES) -> str:
    """Return the file's text.

    Raises:
        ModelError: it cannot be read, is over `max_bytes`, or is not UTF-8.
    """
    try:
        return _read_bytes(path, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: expected UTF-8 text, got {error.reason}") from error


def read_json(path: Path, type: type[T]) -> T:
    """Return the file's JSON as `type`, a msgspec struct; unknown fields are left out.

    Takes what Python's own JSON writer makes, so Infinity and long integers too.

    Raises:
        ModelError: as `read_text`, or it is not JSON, or not of this type.
    """
    try:
        return msgspec.convert(json.loads(read_text(path)), type)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: expected JSON, got {error}") from error


def read_tokenizer_json(path: Path, type: type[T]) -> T:
    """Return what `type` names of a tokenizer.json, without building the rest.

    PERF: 30 MB of vocabulary is skipped by msgspec's decoder, not made into objects.

    Raises:
        ModelError: as `read_json`.
    """
    try:
        return msgspec.json.decode(_read_bytes(path, MAX_TOKENIZER_BYTES), type=type)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: expected JSON, got {error}") from error


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    try:
        if not path.is_file():  # a pipe would block, a device would never end
            raise ModelError(f"{path}: expected a file, got none")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    if len(content) > max_bytes:
        raise ModelError(f"{path}: expected at most {max_bytes} bytes, got more")
    return content
