"""Token ids in, text out, as they come and never with half a character.

The two kinds of decoder that nearly all models have are native; any other's text comes
by decoding all that waits with each token.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
from tokenizers import Tokenizer

from pensieve._native.detokenize import TextStream, TokenTexts
from pensieve.output.decoded_text import REPLACEMENT as REPLACEMENT
from pensieve.output.decoded_text import DecodedText

_SPACES = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
_BYTE_FALLBACK = [_SPACES, {"type": "ByteFallback"}, {"type": "Fuse"}]


class Detokenizer(Protocol):
    """The text of one answer: any number of `feed`, then `finish`."""

    def feed(self, token_ids: Iterable[int]) -> str:
        """Return the text that these tokens add, as far as it is certain."""
        ...

    def finish(self) -> str:
        """Return what was held back, a half character as U+FFFD."""
        ...


class Detokenizers:
    """Makes the detokenizer of each answer of one model.

    Args:
        backend: the tokenizer, not changed.
        special_token_ids: tokens that have no text.
    """

    def __init__(self, backend: Tokenizer, special_token_ids: Collection[int]) -> None:
        self._backend = backend
        self._special_ids = special_token_ids
        form = native_form(backend)
        self._texts = form and TokenTexts(
            form.scheme,
            backend.id_to_token,
            silent_ids=special_token_ids,
            num_stripped=form.num_stripped,
        )

    def begin(self, is_continuation: bool = False) -> Detokenizer:
        """Begin an answer.

        Args:
            is_continuation: it goes on inside a text, so that a space that it begins
                with counts.
        """
        if self._texts is not None:
            return TextStream(self._texts, is_continuation)
        return DecodedText(self._backend, self._special_ids, is_continuation)


class NativeForm(NamedTuple):
    """What a decoder does, in the words of `_native.detokenize`."""

    scheme: Literal["byte_level", "byte_fallback"]
    num_stripped: int


def native_form(backend: Tokenizer) -> NativeForm | None:
    """Return what the tokenizer's decoder does; None: something else."""
    if backend.decoder is None:
        return None
    # Decoders show themselves as tokenizer.json has them, and in no other way.
    written = msgspec.json.decode(backend.decoder.__getstate__(), type=dict[str, Any])
    steps = written["decoders"] if written["type"] == "Sequence" else [written]
    num_stripped = 0
    match steps:
        case [{"type": "ByteLevel"}]:
            return NativeForm("byte_level", 0)
        case [*_, {"type": "Strip", "content": " ", "start": int(start), "stop": 0}]:
            num_stripped = start
            steps = steps[:-1]
    if steps != _BYTE_FALLBACK:
        return None
    return NativeForm("byte_fallback", num_stripped)
