"""Text to token ids, and how many they are, against Hugging Face's `tokenizers`.

Each call's text is new in its first word, so that nothing knows it as a whole. What its
words are made of is known after the first calls, as it is in a server.
"""

import itertools
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ..case import Case, Contest, MissingError
from .texts import byte_level_bpe, source_text

SPLITTER = "gpt2"
"""What `byte_level_bpe` takes text apart by."""


def encoder(folder: Path) -> Any:
    """Return the native encoder of the same vocabulary."""
    try:
        # By name: this build may have no such module, nor its types.
        native = import_module("pensieve._native.bpe")
    except ImportError:
        raise MissingError("no pensieve._native.bpe here") from None
    model = json.loads(byte_level_bpe(folder).to_str())["model"]
    return native.Encoder(model["vocab"], model["merges"], splitter=SPLITTER)


def encode(size: int) -> Callable[[Path], Contest]:
    """Return what sets up the encoding of so many characters."""

    def make(folder: Path) -> Contest:
        native, rival = encoder(folder), byte_level_bpe(folder)
        text = source_text(size)
        numbers = itertools.count()

        def theirs() -> list[int]:
            fresh = f"{next(numbers)} {text}"
            (encoding,) = rival.encode_batch_fast([fresh], add_special_tokens=False)
            token_ids: list[int] = encoding.ids
            return token_ids

        assert [*native.encode(text)] == rival.encode(text).ids
        return Contest(
            lambda: native.encode(f"{next(numbers)} {text}"),
            {"tokenizers": theirs},
            len(text.encode()),
        )

    return make


def count(folder: Path) -> Contest:
    """Set up the counting of a long text's tokens."""
    native, rival = encoder(folder), byte_level_bpe(folder)
    text = source_text()
    numbers = itertools.count()

    def theirs() -> int:
        fresh = f"{next(numbers)} {text}"
        (encoding,) = rival.encode_batch_fast([fresh], add_special_tokens=False)
        return len(encoding)

    assert native.count(text) == len(rival.encode(text))
    return Contest(
        lambda: native.count(f"{next(numbers)} {text}"),
        {"tokenizers": theirs},
        len(text.encode()),
    )


CASES = [
    Case("bpe.encode_1k", encode(1_000)),
    Case("bpe.encode_40k", encode(40_000)),
    Case("bpe.count_40k", count),
]
