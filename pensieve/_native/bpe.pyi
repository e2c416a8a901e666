"""Byte-pair encoding, equal to Hugging Face `tokenizers` without special tokens."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Self, TypeAlias, final

_AddedToken: TypeAlias = tuple[str, int, bool, bool, bool]
"""Content; id; whether it stays text (and hides what begins inside of it); whether
white space before it belongs to it, and after it."""

@final
class Encoder:
    """Text in, tokens out. Any thread may use it; others run while it does.

    What is merged once is remembered, in at most 8 times 16 MB.

    Args:
        vocab: token → id, below 2 ** 22, each once.
        merges: pairs of tokens, by rank.
        splitter: of `_native.splitter`, for byte-level BPE; None: SentencePiece's.
        keeps_whole: a piece that is a token is that, whatever its merges say.
        unknown: the token of what has none; None: that is left out.
        fuses_unknown: neighbours that have none become one.
        has_byte_tokens: what has no token becomes `<0x00>` to `<0xFF>`.
        prepends: a space goes before each text that is not empty.
        replaces_spaces: " " becomes "▁".
        metaspace: the same, but after `normalized_tokens` are found. A space goes
            before text that begins without one: "never", "always", or "first": only
            where the whole text begins.
        raw_tokens: found in text as it is given.
        normalized_tokens: found after `prepends` and `replaces_spaces`.
        watched: text that becomes one of these is not encoded.

    Raises:
        ValueError: "[bpe] …": a merge of what is no token, an id or a token too large,
            or a splitter that is not known.
    """

    def __new__(
        cls,
        vocab: dict[str, int],
        merges: Iterable[Sequence[str]],
        *,
        splitter: str | None = None,
        keeps_whole: bool = False,
        unknown: str | None = None,
        fuses_unknown: bool = False,
        has_byte_tokens: bool = False,
        prepends: bool = False,
        replaces_spaces: bool = False,
        metaspace: str | None = None,
        raw_tokens: Iterable[_AddedToken] = (),
        normalized_tokens: Iterable[_AddedToken] = (),
        watched: Sequence[int] = (),
    ) -> Self: ...
    def encode(self, text: str, *, is_normalized: bool = False) -> array[int] | None:
        """Return the token ids, of type "I"; None, if a watched one is among them.

        Args:
            text: less than 2 GiB of UTF-8.
            is_normalized: it was between raw tokens, and is normalised.

        Raises:
            UnicodeEncodeError: a lone surrogate.
        """
    def count(self, text: str, *, is_normalized: bool = False) -> int | None:
        """Return how many tokens `encode` would, without making them."""
    def split_raw(self, text: str) -> list[int | str]:
        """Return the raw tokens' ids, and the texts between them."""
