"""An answer's tokens to text, one by one as they come: of Python source and of prose.

The baselines are `tokenizers`' own DecodeStream, and decoding all that came so far for
each token, which is the slow twin.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ..case import Case, Contest, MissingError
from .texts import PROSE, byte_level_bpe, source_text

NUM_TOKENS = 256


def of_text(text: str) -> Callable[[Path], Contest]:
    """Return what sets up the decoding of this text's first tokens."""

    def make(folder: Path) -> Contest:
        try:
            # By name: this build may have no such module, nor its types.
            native: Any = import_module("pensieve._native.detokenize")
        except ImportError:
            raise MissingError("no pensieve._native.detokenize here") from None
        from tokenizers.decoders import DecodeStream

        backend = byte_level_bpe(folder)
        token_ids = backend.encode(text).ids[:NUM_TOKENS]
        texts = native.TokenTexts("byte_level", backend.id_to_token)

        def pensieve() -> str:
            stream = native.TextStream(texts)
            pieces = [stream.feed((token_id,)) for token_id in token_ids]
            return "".join(pieces) + str(stream.finish())

        def decode_stream() -> str:
            stream = DecodeStream()
            pieces = [stream.step(backend, token_id) for token_id in token_ids]
            return "".join(piece for piece in pieces if piece is not None)

        def decode_all() -> str:
            sent = ""
            for size in range(1, len(token_ids) + 1):
                whole = backend.decode(token_ids[:size])
                if not whole.endswith("\ufffd"):
                    sent += whole[len(sent) :]
            return sent

        assert pensieve() == backend.decode(token_ids)
        baselines = {"DecodeStream": decode_stream, "decode all": decode_all}
        return Contest(pensieve, baselines, len(pensieve().encode()))

    return make


CASES = [
    Case("detokenize.source", of_text(source_text()[len(PROSE) :])),
    Case("detokenize.prose", of_text(PROSE * 20)),
]
