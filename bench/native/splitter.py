"""Text taken apart before it is merged, against the pre-tokenizer of `tokenizers`."""

from importlib import import_module
from pathlib import Path
from typing import Any

from ..case import Case, Contest, MissingError
from .bpe import SPLITTER
from .texts import byte_level_bpe, source_text


def pieces(folder: Path) -> Contest:
    """Set up the taking apart of a long text."""
    try:
        # By name: this build may have no such module, nor its types.
        native: Any = import_module("pensieve._native.splitter")
    except ImportError:
        raise MissingError("no pensieve._native.splitter here") from None
    text = source_text()
    rival = byte_level_bpe(folder).pre_tokenizer
    assert len(native.pieces(SPLITTER, text)) == len(rival.pre_tokenize_str(text))
    return Contest(
        lambda: native.pieces(SPLITTER, text),
        {"tokenizers": lambda: rival.pre_tokenize_str(text)},
        len(text.encode()),
    )


CASES = [Case("splitter.pieces", pieces)]
