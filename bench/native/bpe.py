"""Text to token ids by Pensieve's tokenizer, against Hugging Face's on the same text.

Each call's text is new in its first word, so that no cache knows it. Without the native
module both sides would be the same: then there is no case.
"""

import itertools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ..case import Case, Contest, MissingError
from .texts import byte_level_bpe, source_text


def encode(size: int) -> Callable[[Path], Contest]:
    """Return what sets up the encoding of so many characters."""

    def make(folder: Path) -> Contest:
        if find_spec("pensieve._native.bpe") is None:
            raise MissingError("no pensieve._native.bpe here")
        from pensieve.prompt.tokenizer import Tokenizer

        text = source_text(size)
        rival = byte_level_bpe(folder)
        tokenizer = Tokenizer(byte_level_bpe(folder), "")
        numbers = itertools.count()

        def theirs() -> list[int]:
            fresh = f"{next(numbers)} {text}"
            (encoding,) = rival.encode_batch_fast([fresh], add_special_tokens=False)
            token_ids: list[int] = encoding.ids
            return token_ids

        def ours() -> list[int]:
            return tokenizer.encode(f"{next(numbers)} {text}")

        expected = rival.encode(text, add_special_tokens=False).ids
        assert tokenizer.encode(text) == expected
        return Contest(ours, {"tokenizers": theirs}, len(text.encode()))

    return make


CASES = [Case("bpe.encode_1k", encode(1_000)), Case("bpe.encode_40k", encode(40_000))]
