"""Content blocks as clients send them, each told by its `type`.

A block of a type that is not here becomes OtherBlock: new kinds of block never fail a
request. Fields that a block has beside those named here are not looked at.
"""

from typing import Any

import msgspec

from pensieve.schema.cache_control import Markable


class ContentBlock:
    """Any block of a request."""


class TextBlock(Markable, ContentBlock, frozen=True):
    """Text."""

    text: str


class ImageSource(msgspec.Struct, frozen=True):
    """Where a picture is."""

    type: str
    """"base64" holds it; "url" and "file" are elsewhere."""


class ImageBlock(Markable, ContentBlock, frozen=True):
    """A picture."""

    source: ImageSource


class DocumentSource(msgspec.Struct, frozen=True):
    """Where a document's content is."""

    type: str
    """"text" and "content" are text, "base64" is a PDF; "url", "file" are elsewhere."""
    media_type: str | None = None
    data: str | None = None
    content: str | list[ContentBlock] | None = None


class DocumentBlock(Markable, ContentBlock, frozen=True):
    """A document: plain text, blocks, or a file in some other form."""

    source: DocumentSource
    title: str | None = None
    context: str | None = None


class SearchResultBlock(Markable, ContentBlock, frozen=True):
    """A passage that the client found somewhere."""

    source: str
    title: str
    content: list[ContentBlock]


class ToolUseBlock(Markable, ContentBlock, frozen=True):
    """A call that the assistant made."""

    id: str
    name: str
    input: dict[str, Any]


class ToolResultBlock(Markable, ContentBlock, frozen=True):
    """What a call gave."""

    tool_use_id: str
    content: str | list[ContentBlock] | None = None
    is_error: bool | None = None


class ThinkingBlock(msgspec.Struct, ContentBlock, frozen=True):
    """What the assistant thought, as it was sent. The text may have been left out."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(msgspec.Struct, ContentBlock, frozen=True):
    """Thinking that only Anthropic can read."""

    data: str = ""


class ServerToolUseBlock(Markable, ContentBlock, frozen=True):
    """A call of a tool that runs on the server."""

    id: str
    name: str
    input: dict[str, Any]


class WebSearchToolResultBlock(Markable, ContentBlock, frozen=True):
    """What a web search gave: results, or an error. Pensieve only makes errors."""

    tool_use_id: str
    content: Any


class ToolChange(msgspec.Struct, frozen=True):
    """Which tool is added or removed: by name, or with its definition."""

    type: str
    """"tool_reference" has a name, "tool_definition" a definition."""
    name: str | None = None
    definition: dict[str, Any] | None = None


class ToolAdditionBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A tool that can be called from here on."""

    tool: ToolChange


class ToolRemovalBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A tool that cannot be called from here on."""

    tool: ToolChange


class ToolReferenceBlock(Markable, ContentBlock, frozen=True):
    """The name of a tool that is loaded from here on."""

    tool_name: str


class OtherBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A block of a type that Pensieve does not read."""

    type: str


class _Tag(msgspec.Struct):
    type: str


_BLOCK_TYPES: dict[str, type[ContentBlock]] = {
    "text": TextBlock,
    "image": ImageBlock,
    "document": DocumentBlock,
    "search_result": SearchResultBlock,
    "tool_use": ToolUseBlock,
    "tool_result": ToolResultBlock,
    "tool_reference": ToolReferenceBlock,
    "tool_addition": ToolAdditionBlock,
    "tool_removal": ToolRemovalBlock,
    "thinking": ThinkingBlock,
    "redacted_thinking": RedactedThinkingBlock,
    "server_tool_use": ServerToolUseBlock,
    "web_search_tool_result": WebSearchToolResultBlock,
}


def decode_block(target: type, value: Any) -> ContentBlock:
    """Return a decoded JSON value as the block that its `type` names.

    This is msgspec's `dec_hook`: msgspec's own tagged unions refuse unknown tags.

    Raises:
        ValueError: not a block, or one without its fields. (msgspec adds the outer
            path to a ValueError, but not to a ValidationError of its own.)
    """
    assert target is ContentBlock  # the only type here that msgspec does not know
    try:
        tag = msgspec.convert(value, _Tag).type
        block_type = _BLOCK_TYPES.get(tag)
        if block_type is None:
            return OtherBlock(tag)
        return msgspec.convert(value, block_type, dec_hook=decode_block)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
