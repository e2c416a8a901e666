"""Token ids → text, as they come and never with half a character."""

from collections.abc import Callable, Iterable
from typing import Literal, Self, final

@final
class TokenTexts:
    """What each token of one model adds to a text; learnt as tokens are met.

    Args:
        scheme: how the vocabulary writes bytes. "byte_level": a letter for each, as
            GPT-2 does. "byte_fallback": text, U+2581 for a space, and tokens of one
            byte each, ``<0x0A>``, as SentencePiece does.
        token_of: the token of an id as the vocabulary has it; None: there is none.
        silent_ids: tokens that have no text.
        num_stripped: as many spaces are no part of a text that begins with them.

    Raises:
        ValueError: another scheme, or a negative number.
    """

    def __new__(
        cls,
        scheme: Literal["byte_level", "byte_fallback"],
        token_of: Callable[[int], str | None],
        *,
        silent_ids: Iterable[int] = (),
        num_stripped: int = 0,
    ) -> Self: ...

@final
class TextStream:
    """The text of one answer: any number of `feed`, then `finish`.

    Bytes that are no UTF-8 come out as U+FFFD: of "byte_level" one for all that could
    have begun a character together, of "byte_fallback" one for each byte and for each
    that follows, up to the next token that is no byte.

    Args:
        is_continuation: the answer goes on inside a text, so that a space that it
            begins with counts.
    """

    def __new__(cls, texts: TokenTexts, is_continuation: bool = False) -> Self: ...
    def feed(self, token_ids: Iterable[int]) -> str:
        """Return the text that these tokens add, as far as it is certain.

        Raises:
            OverflowError: an id that is negative, or has more than 32 bits.
        """

    def finish(self) -> str:
        """Return what was held back, as U+FFFD."""
