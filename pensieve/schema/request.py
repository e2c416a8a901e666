"""What clients ask for: the bodies of POST /v1/messages and its count_tokens.

Names and limits are Anthropic's. Fields that are not here are ignored, as betas add
some with every release.
"""

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from pensieve.errors import InvalidRequestError
from pensieve.schema.content import ContentBlock, decode_block
from pensieve.schema.decoding import request_decoder

Role = Literal["user", "assistant", "system"]

MAX_MESSAGES = 100_000
MAX_STOP_SEQUENCES = 256
"""Each is looked for at every character of the answer."""
MAX_STOP_SEQUENCE_CHARS = 65_536
"""Of all together."""


class MessageParam(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: Role
    content: str | list[ContentBlock] | None = None
    """None only where `role` is "system": such a message may carry settings alone."""


class PromptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a request that makes the prompt."""

    model: str
    messages: Annotated[list[MessageParam], Meta(min_length=1, max_length=MAX_MESSAGES)]
    system: str | list[ContentBlock] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None


class CountTokensRequest(PromptRequest, frozen=True, kw_only=True):
    """Body of POST /v1/messages/count_tokens."""


class MessagesRequest(PromptRequest, frozen=True, kw_only=True):
    """Body of POST /v1/messages."""

    max_tokens: Annotated[int, Meta(ge=1)]
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=MAX_STOP_SEQUENCES)] | None = (
        None
    )
    stream: bool | None = None
    metadata: dict[str, Any] | None = None


_CHOICES = {"role": get_args(Role)}
_messages_request = request_decoder(MessagesRequest, decode_block, _CHOICES)
_count_tokens_request = request_decoder(CountTokensRequest, decode_block, _CHOICES)


def decode_request(body: bytes) -> MessagesRequest:
    """Return the validated body of POST /v1/messages.

    Raises:
        InvalidRequestError: not JSON, or not a request that the API takes.
    """
    request = _messages_request(body)
    _check_contents(request)
    _check_stop_sequences(request.stop_sequences or [])
    return request


def decode_count_request(body: bytes) -> CountTokensRequest:
    """Return the validated body of POST /v1/messages/count_tokens.

    Raises:
        InvalidRequestError: not JSON, or not a request that the API takes.
    """
    request = _count_tokens_request(body)
    _check_contents(request)
    return request


def _check_contents(request: PromptRequest) -> None:
    for index, message in enumerate(request.messages):
        if message.content is None and message.role != "system":
            raise InvalidRequestError(f"messages.{index}.content: Field required")


def _check_stop_sequences(stop_sequences: list[str]) -> None:
    for index, sequence in enumerate(stop_sequences):
        if not sequence.strip():
            raise InvalidRequestError(
                f"stop_sequences.{index}: must contain more than whitespace"
            )
    num_chars = sum(map(len, stop_sequences))
    if num_chars > MAX_STOP_SEQUENCE_CHARS:
        raise InvalidRequestError(
            "stop_sequences: Input should have at most"
            f" {MAX_STOP_SEQUENCE_CHARS} characters in all, got {num_chars}"
        )
