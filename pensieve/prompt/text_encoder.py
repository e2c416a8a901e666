"""Text between control tokens in, token ids out: natively, or by `tokenizers`."""

import logging
from array import array
from collections.abc import Set as AbstractSet

import tokenizers

from pensieve.errors import InvalidRequestError
from pensieve.prompt.native_tokenizer import recognise

_log = logging.getLogger(__name__)


class TextEncoder:
    """Encodes text as the backend does, but to no control token. Any thread may use it.

    Args:
        backend: set to see text in whatever it is given.
        control_token_ids: of the model.
    """

    def __init__(
        self, backend: tokenizers.Tokenizer, control_token_ids: AbstractSet[int]
    ) -> None:
        self._backend = backend
        self._control_token_ids = control_token_ids
        self._native, reason = recognise(backend, control_token_ids)
        if self._native is None:
            _log.info("tokenizers encodes for this model, more slowly: %s", reason)

    @property
    def is_native(self) -> bool:
        """Whether texts are encoded in C++."""
        return self._native is not None

    def encode(self, text: str) -> "array[int]":
        """Return the token ids, of type "I".

        Raises:
            TypeError: a lone surrogate.
            InvalidRequestError: it is more than `tokenizers` can take apart: of ten
                million spaces its regex engine panics.
        """
        if self._native is None:
            return self._by_backend(text)
        try:
            token_ids = self._native.encode(text)
        except UnicodeEncodeError:
            return self._by_backend(text)  # which refuses it, too
        return self._by_backend(text) if token_ids is None else token_ids

    def count(self, text: str) -> int:
        """Return how many tokens that are, natively without making them.

        Raises:
            TypeError: a lone surrogate.
        """
        if self._native is None:
            return len(self._by_backend(text))
        try:
            num_tokens = self._native.count(text)
        except UnicodeEncodeError:
            num_tokens = None
        return len(self._by_backend(text)) if num_tokens is None else num_tokens

    def _by_backend(self, text: str) -> "array[int]":
        # PERF: unlike `encode`, lets other threads run: 2 MB take seconds.
        try:
            (encoding,) = self._backend.encode_batch_fast(
                [text], add_special_tokens=False
            )
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # pyo3's, of Rust's panics
                raise
            raise InvalidRequestError(
                f"a text of {len(text)} characters is more than the model's tokenizer"
                f" can take apart ({error})"
            ) from error
        token_ids: list[int] = encoding.ids
        if self._control_token_ids.isdisjoint(token_ids):
            return array("I", token_ids)
        # A Unigram model, or a normalizer, can make one of plain text; not of less
        # than a whole token's text.
        return array(
            "I",
            (
                token_id
                for char in text
                for token_id in self._backend.encode(char, add_special_tokens=False).ids
                if token_id not in self._control_token_ids
            ),
        )
