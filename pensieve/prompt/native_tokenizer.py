"""Text in, token ids out, in C++ where the tokenizer is of a family that is known.

What is known is equal to `tokenizers` token for token; see tests/prompt.
"""

from array import array
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec
import tokenizers

from pensieve._native.bpe import Encoder
from pensieve._native.splitter import is_surely_nfc
from pensieve.prompt.tokenizer_family import UnknownTokenizerError, family_of


class NativeTokenizer:
    """Encodes text as one backend does without special tokens. Any thread may use it.

    Args:
        encoder: that was made for the backend.
        normalize: composes text; None: text stays as it is.
    """

    def __init__(
        self, encoder: Encoder, normalize: Callable[[str], str] | None
    ) -> None:
        self.encoder = encoder
        self._normalize = normalize

    def encode(self, text: str) -> "array[int] | None":
        """Return the token ids; None, if a watched one is among them.

        Raises:
            UnicodeEncodeError: a lone surrogate.
        """
        if self._normalize is None or is_surely_nfc(text):
            return self.encoder.encode(text)
        token_ids = array("I")
        for part in self._normalized_parts(text, self._normalize):
            if isinstance(part, int):
                token_ids.append(part)
                continue
            more = self.encoder.encode(part, is_normalized=True)
            if more is None:
                return None
            token_ids += more
        return token_ids

    def count(self, text: str) -> int | None:
        """Return how many there are; None, if a watched one is among them.

        Raises:
            UnicodeEncodeError: a lone surrogate.
        """
        if self._normalize is None or is_surely_nfc(text):
            return self.encoder.count(text)
        num_tokens = 0
        for part in self._normalized_parts(text, self._normalize):
            more = 1
            if not isinstance(part, int):
                counted = self.encoder.count(part, is_normalized=True)
                if counted is None:
                    return None
                more = counted
            num_tokens += more
        return num_tokens

    def _normalized_parts(
        self, text: str, normalize: Callable[[str], str]
    ) -> Iterator[int | str]:
        """Yield added tokens, and between them the text as it is composed."""
        for part in self.encoder.split_raw(text):
            yield part if isinstance(part, int) else normalize(part)


def recognise(
    backend: tokenizers.Tokenizer, watched: Collection[int] = ()
) -> tuple[NativeTokenizer | None, str]:
    """Return the backend's native twin; or None, and why there is none.

    Args:
        backend: as it will be used.
        watched: tokens that text must not become.
    """
    description = msgspec.json.decode(backend.to_str())
    try:
        family = family_of(description)
        model = description["model"]
        options = {
            **family.options,
            **_added_tokens(description["added_tokens"], backend),
            "unknown": _unknown(model),
            "fuses_unknown": model["fuse_unk"],
            "watched": sorted(watched),
        }
        _check_vocabulary(model, backend)
        encoder = Encoder(model["vocab"], model["merges"], **options)
    except (UnknownTokenizerError, ValueError) as error:
        return None, str(error)
    normalize = backend.normalizer.normalize_str if family.is_nfc else None
    return NativeTokenizer(encoder, normalize), ""


def _check_vocabulary(model: dict[str, Any], backend: tokenizers.Tokenizer) -> None:
    vocab = model["vocab"]
    # The description has but one of those that share an id.
    if backend.get_vocab_size(with_added_tokens=False) != len(vocab):
        raise UnknownTokenizerError("two tokens have one id")
    if model["byte_fallback"] and not all(
        f"<0x{byte:02X}>" in vocab for byte in range(256)
    ):
        raise UnknownTokenizerError("byte_fallback without a token for each byte")


def _unknown(model: dict[str, Any]) -> str | None:
    unknown: str | None = model["unk_token"]
    if unknown is not None and unknown not in model["vocab"]:
        raise UnknownTokenizerError("an unk_token that is no token")
    return unknown


def _added_tokens(
    tokens: list[dict[str, Any]], backend: tokenizers.Tokenizer
) -> dict[str, list[tuple[str, int, bool, bool, bool]]]:
    """Return them as `Encoder` takes them: before and after text is normalised."""
    found: dict[bool, list[tuple[str, int, bool, bool, bool]]] = {False: [], True: []}
    for token in tokens:
        is_text = token["special"] and backend.encode_special_tokens
        if token["single_word"] and not is_text:
            raise UnknownTokenizerError(f"single_word: {token['content']!r}")
        content = token["content"]
        if token["normalized"] and backend.normalizer is not None:
            content = backend.normalizer.normalize_str(content)
        found[token["normalized"]].append(
            (content, token["id"], is_text, token["lstrip"], token["rstrip"])
        )
    return {"raw_tokens": found[False], "normalized_tokens": found[True]}
