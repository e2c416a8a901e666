"""The bytes of a request's body in, the request out, with all of its fields checked."""

from typing import get_args

from pensieve.schema.cache_control import CacheControlType, TimeToLive
from pensieve.schema.content import decode_block
from pensieve.schema.decoding import request_decoder
from pensieve.schema.request import (
    CountTokensRequest,
    Effort,
    MessagesRequest,
    Role,
    ThinkingType,
    ToolChoiceType,
)
from pensieve.schema.validation import check_prompt, check_stop_sequences

_CHOICES = {
    "role": get_args(Role),
    "effort": get_args(Effort),
    "tool_choice.type": get_args(ToolChoiceType),
    "thinking.type": get_args(ThinkingType),
    "cache_control.type": get_args(CacheControlType),
    "cache_control.ttl": get_args(TimeToLive),
    "format.type": ("json_schema",),
    "output_format.type": ("json_schema",),
}
_messages_request = request_decoder(MessagesRequest, decode_block, _CHOICES)
_count_tokens_request = request_decoder(CountTokensRequest, decode_block, _CHOICES)


def decode_request(body: bytes) -> MessagesRequest:
    """Return the validated body of POST /v1/messages.

    Raises:
        InvalidRequestError: not JSON, or not a request that the API takes.
    """
    request = _messages_request(body)
    check_prompt(request, request.max_tokens)
    check_stop_sequences(request.stop_sequences or [])
    return request


def decode_count_request(body: bytes) -> CountTokensRequest:
    """Return the validated body of POST /v1/messages/count_tokens.

    Raises:
        InvalidRequestError: not JSON, or not a request that the API takes.
    """
    request = _count_tokens_request(body)
    check_prompt(request, None)
    return request
