"""The answer: a Message as the API returns it, every key present."""

import secrets
from typing import Literal

import msgspec

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "model_context_window_exceeded"
]


class TextBlock(msgspec.Struct, tag_field="type", tag="text"):
    """Text that the model wrote."""

    text: str


class CacheCreation(msgspec.Struct, frozen=True):
    """Prompt tokens newly cached, by how long they stay. Pensieve counts none."""

    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class OutputTokensDetails(msgspec.Struct, frozen=True):
    """What the output tokens were."""

    thinking_tokens: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one request.

    The prompt's length is `input_tokens` + `cache_creation_input_tokens` +
    `cache_read_input_tokens`.
    """

    input_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation: CacheCreation = CacheCreation()
    output_tokens: int
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    server_tool_use: None = None
    service_tier: Literal["standard"] = "standard"
    inference_geo: None = None


class Message(msgspec.Struct, kw_only=True):
    """The assistant's turn."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[TextBlock]
    stop_reason: StopReason | None = None
    stop_sequence: str | None = None
    stop_details: None = None
    container: None = None
    usage: Usage


class TokenCount(msgspec.Struct, frozen=True):
    """Answer of POST /v1/messages/count_tokens."""

    input_tokens: int


def make_message_id() -> str:
    """Return an id that no other message has."""
    return f"msg_{secrets.token_hex(12)}"
