"""Tokens → text, in plain Python: what the native streams are compared with."""

import codecs
import re

from reference.byte_level_bpe import alphabet

BYTE_OF = {letter: byte for byte, letter in enumerate(alphabet())}
REPLACEMENT = "\ufffd"


def byte_level_pieces(tokens: list[str]) -> list[str]:
    """Return the text that each token makes certain; last, what was held back."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces = []
    for token in tokens:
        piece = decoder.decode(letters_as_bytes(token))
        held, _ = decoder.getstate()
        if held[:1] == b"\xed" and held[1:2] >= b"\xa0":
            # A surrogate's: wrong by now, though Python's decoder waits for its end.
            piece += decoder.decode(b"", final=True)
            decoder.reset()
        pieces.append(piece)
    return [*pieces, decoder.decode(b"", final=True)]


def letters_as_bytes(token: str) -> bytes:
    """Return a byte-level token's bytes."""
    if any(letter not in BYTE_OF for letter in token):
        return token.encode()
    return bytes(BYTE_OF[letter] for letter in token)


def byte_fallback_text(tokens: list[str], num_stripped: int = 0) -> str:
    """Return the text of all tokens."""
    text = ""
    run = b""
    for token in tokens:
        if written := re.fullmatch("<0x([0-9A-Fa-f]{2})>", token):
            run += bytes.fromhex(written[1])
            continue
        text += run_text(run) + token.replace("\u2581", " ")
        run = b""
    text += run_text(run)
    num_spaces = len(text) - len(text.lstrip(" "))
    return text[min(num_spaces, num_stripped) :]


def run_text(run: bytes) -> str:
    """Return the text of tokens of one byte in a row: all is lost behind a wrong one.

    Hugging Face's decoder loses what was right before it, too, which a stream cannot
    take back.
    """
    try:
        return run.decode()
    except UnicodeDecodeError as error:
        lost = len(run) - error.start
        return run[: error.start].decode() + REPLACEMENT * lost
