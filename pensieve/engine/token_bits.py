"""Sets of tokens as one bit each, as grammars make them and samplers read them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint32]
"""[ceil(num_tokens / 32)]: bit i % 32 of word i // 32 says it of token i."""
WORD_BITS = 32


def bits_of(token_ids: Iterable[int], num_tokens: int) -> Bits:
    """Return the set of these tokens, of a vocabulary of that size."""
    bits = np.zeros(-(-num_tokens // WORD_BITS), np.uint32)
    set_bits(bits, token_ids)
    return bits


def set_bits(bits: Bits, token_ids: Iterable[int]) -> None:
    """Add tokens to a set."""
    for token_id in token_ids:
        bits[token_id // WORD_BITS] |= np.uint32(1 << token_id % WORD_BITS)


def has_bit(bits: Bits, token_id: int) -> bool:
    """Return whether a token is in a set."""
    return bool(bits[token_id // WORD_BITS] >> np.uint32(token_id % WORD_BITS) & 1)


def with_size(bits: Bits, num_tokens: int, new_size: int) -> Bits:
    """Return a copy for a vocabulary of another size, without what is behind either.

    Args:
        num_tokens: for how many tokens `bits` mean something.
    """
    resized = np.zeros(-(-new_size // WORD_BITS), np.uint32)
    num_known = min(num_tokens, new_size)
    num_whole, rest = divmod(num_known, WORD_BITS)
    resized[:num_whole] = bits[:num_whole]
    if rest:
        resized[num_whole] = bits[num_whole] & np.uint32((1 << rest) - 1)
    return resized


def unpacked(bits: Bits, num_tokens: int) -> NDArray[np.bool_]:
    """Return one flag a token, [num_tokens]."""
    flags = np.unpackbits(bits.view(np.uint8), bitorder="little", count=num_tokens)
    return flags.view(np.bool_)
