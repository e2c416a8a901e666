"""Rendered prompts in, token ids out, equal to Hugging Face's on the same text.

The prompt is split at its control tokens; each span between is encoded on its own, with
control tokens off, and remembered by its text. Whole prompts are remembered, too, for
those that begin with the same.
"""

import os
from array import array
from collections.abc import Collection

import tokenizers
from tokenizers import pre_tokenizers

from pensieve.errors import ModelError
from pensieve.models import gguf
from pensieve.models.description import ModelDescription
from pensieve.prompt import gguf_tokenizer
from pensieve.prompt.control_tokens import ControlTokens
from pensieve.prompt.prompt_memory import NOTHING, Encoded, PromptMemory
from pensieve.prompt.segment_cache import SegmentCache
from pensieve.prompt.text_encoder import TextEncoder

# One text is encoded at a time, so a pool of threads would only be in the way of forks.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

MAX_CACHED_CHARS = 4 << 20
"""Some twenty conversations of a coding agent."""
MIN_REMEMBERED_CHARS = 4096
"""Of a prompt that is remembered whole. Parts of one are many, and known by segment."""
MAX_REMEMBERED_CHARS = 8 << 20
"""Of all prompts together."""


class Tokenizer:
    """Encodes one model's prompts. Any thread may use it.

    Control tokens are the special ones; and of the other added tokens, those that end
    an answer and those that the chat template writes itself (as Qwen's does
    `<tool_call>`), but for white space and single characters.

    Args:
        backend: kept, and changed: control tokens become special, and are not matched.
        template_text: all that the chat template writes of its own.
        end_token_ids: any of these ends an answer.

    Raises:
        ModelError: its control tokens cannot be told apart.
    """

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        template_text: str,
        end_token_ids: Collection[int] = (),
    ) -> None:
        added = backend.get_added_tokens_decoder()
        control = {
            token_id: token
            for token_id, token in added.items()
            if token.special
            or (
                (token.content in template_text or token_id in end_token_ids)
                and len(token.content) > 1
                and not token.content.isspace()
            )
        }
        self.special_token_ids = frozenset(
            token_id for token_id, token in added.items() if token.special
        )
        """Tokens that have no text in an answer."""
        self.control_token_ids = frozenset(control)
        self._control_tokens = ControlTokens(control)
        self._segments = SegmentCache(MAX_CACHED_CHARS)
        self._prompts = PromptMemory(
            self._control_tokens.max_chars, MAX_REMEMBERED_CHARS
        )
        self.backend = _text_only(
            backend, [token.content for token in control.values()]
        )
        self._starting = TextEncoder(self.backend, self.control_token_ids)
        continuing = _continuing(self.backend)
        self._continuing = (
            self._starting
            if continuing is self.backend
            else TextEncoder(continuing, self.control_token_ids)
        )

    def token_id(self, text: str) -> int | None:
        """Return the control token that is written so; None, if there is none."""
        token_id = self.backend.token_to_id(text)
        return token_id if token_id in self.control_token_ids else None

    def mark(self, text: str) -> str:
        """Return client text so that `encode` finds no control token in it."""
        return self._control_tokens.mark(text)

    def encode(self, rendered: str, is_start: bool = True) -> list[int]:
        """Return what `token_ids` does, as a list."""
        return self.token_ids(rendered, is_start).tolist()

    def token_ids(self, rendered: str, is_start: bool = True) -> "array[int]":
        """Return the token ids of a prompt whose client text was marked.

        Args:
            rendered: the prompt, or a part of it.
            is_start: nothing goes before this part.

        Returns:
            Of type "I", and not to be changed.

        Raises:
            TypeError: a lone surrogate.
        """
        if len(rendered) < MIN_REMEMBERED_CHARS:
            return self._encoded(rendered, is_start, NOTHING).token_ids
        known = self._prompts.beginning(rendered, is_start)
        encoded = self._encoded(rendered, is_start, known)
        self._prompts.keep(rendered, is_start, encoded)
        return encoded.token_ids

    def count(self, rendered: str, is_start: bool = True) -> int:
        """Return how many token ids there are.

        Args and errors are those of `token_ids`.
        """
        if len(rendered) <= MAX_REMEMBERED_CHARS:  # it may well come again
            return len(self.token_ids(rendered, is_start))
        num_tokens = 0
        for piece, _ in self._control_tokens.split(rendered):
            if isinstance(piece, int):
                num_tokens += 1
                continue
            is_first = is_start and num_tokens == 0
            encoder = self._starting if is_first else self._continuing
            num_tokens += encoder.count(piece)
        return num_tokens

    def _encoded(self, rendered: str, is_start: bool, known: Encoded) -> Encoded:
        """Encode what comes after what is known of a text."""
        token_ids, ends, counts = known.token_ids[:], known.ends[:], known.counts[:]
        for piece, end in self._control_tokens.split(rendered, known.num_chars):
            if isinstance(piece, int):
                token_ids.append(piece)
                if end is not None:
                    ends.append(end)
                    counts.append(len(token_ids))
                continue
            is_first = is_start and not token_ids
            encoder = self._starting if is_first else self._continuing
            token_ids += self._segments.encode(
                piece, encoder is self._starting, encoder.encode
            )
        return Encoded(token_ids, ends, counts)


def open_backend(description: ModelDescription) -> tokenizers.Tokenizer:
    """Return the tokenizer that a model's files describe.

    Raises:
        ModelError: there is none, or it is damaged or of a kind that is not run.
        OSError: a file cannot be read.
    """
    if description.format == "gguf":
        vocabulary = gguf.vocabulary(description.path)
        return gguf_tokenizer.build(vocabulary, description.architecture)
    path = description.path / "tokenizer.json"
    if not path.exists():
        raise ModelError(f"{path}: expected a tokenizer in this file, found none")
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelError(
            f"{path}: not a tokenizer that can be read ({error})"
        ) from error


def _text_only(
    backend: tokenizers.Tokenizer, control_tokens: list[str]
) -> tokenizers.Tokenizer:
    """Return the backend, set to see text in whatever it is given."""
    backend.no_truncation()
    backend.no_padding()
    backend.add_special_tokens(control_tokens)
    backend.encode_special_tokens = True
    return backend


def _continuing(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Return the backend that encodes text from the middle of a prompt.

    It is another one only where a space goes before the first word of a prompt and of
    no later span.
    """
    if not any(part.prepend_scheme == "first" for part in _metaspaces(backend)):
        return backend
    continuing = tokenizers.Tokenizer.from_str(backend.to_str())
    continuing.encode_special_tokens = True
    for part in _metaspaces(continuing):
        if part.prepend_scheme == "first":
            part.prepend_scheme = "never"
    return continuing


def _metaspaces(backend: tokenizers.Tokenizer) -> list[pre_tokenizers.Metaspace]:
    """Return the steps of the pre-tokenizer that write SentencePiece's spaces."""
    step = backend.pre_tokenizer
    is_sequence = isinstance(step, pre_tokenizers.Sequence)
    # A sequence is iterable by its indices, which its stub does not say.
    steps = list(step) if is_sequence else [step]
    return [step for step in steps if isinstance(step, pre_tokenizers.Metaspace)]
