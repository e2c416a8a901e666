"""Byte-level BPE in plain Python: slow, and plain to read.

After "Language Models are Unsupervised Multitask Learners" (Radford et al., 2019), 2.2.
"""

from itertools import pairwise

import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SMOLLM = [r"\p{N}", GPT2]
"""Each pattern splits what the one before left, as llama.cpp's list for smollm does."""


def alphabet() -> list[str]:
    """Return a printable character for each byte: itself, or one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [
        chr(byte) if byte in printable else chr(next(others)) for byte in range(256)
    ]


def split(text: str, patterns: list[str]) -> list[str]:
    """Cut text at the matches of each pattern in turn; nothing is lost."""
    pieces = [text]
    for pattern in patterns:
        pieces = [
            part
            for piece in pieces
            for part in regex.split(f"({pattern})", piece)
            if part
        ]
    return pieces


def merge(symbols: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Join the pair of lowest rank, leftmost first, until no pair has one."""
    while True:
        pairs = list(pairwise(symbols))
        known = [index for index, pair in enumerate(pairs) if pair in ranks]
        if not known:
            return symbols
        best = min(known, key=lambda index: (ranks[pairs[index]], index))
        symbols = [*symbols[:best], "".join(pairs[best]), *symbols[best + 2 :]]


def encode(
    text: str, tokens: list[str], merges: list[str], patterns: list[str]
) -> list[int]:
    """Return the token ids of text in which nothing is special."""
    token_ids = {token: token_id for token_id, token in enumerate(tokens)}
    ranks = {tuple(pair.split(" ")): rank for rank, pair in enumerate(merges)}
    letters = alphabet()
    return [
        token_ids[symbol]
        for piece in split(text, patterns)
        for symbol in merge([letters[byte] for byte in piece.encode()], ranks)
    ]
