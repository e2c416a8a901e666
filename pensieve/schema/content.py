"""Content blocks as clients send them, each told by its `type`.

A block of a type that is not here becomes OtherBlock: new kinds of block never fail a
request. Fields that a block has beside those named here are not looked at.
"""

from typing import Any

import msgspec


class ContentBlock:
    """Any block of a request."""


class TextBlock(msgspec.Struct, ContentBlock, frozen=True):
    """Text."""

    text: str


class ImageBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A picture."""


class DocumentSource(msgspec.Struct, frozen=True):
    """Where a document's content is."""

    type: str
    """"text" and "content" can be read as text; "base64", "url", "file" cannot."""
    data: str | None = None
    content: str | list[ContentBlock] | None = None


class DocumentBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A document: plain text, blocks, or a file in some other form."""

    source: DocumentSource
    title: str | None = None
    context: str | None = None


class SearchResultBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A passage that the client found somewhere."""

    source: str
    title: str
    content: list[ContentBlock]


class ToolUseBlock(msgspec.Struct, ContentBlock, frozen=True):
    """A call that the assistant made."""

    id: str
    name: str
    input: dict[str, Any]


class ToolResultBlock(msgspec.Struct, ContentBlock, frozen=True):
    """What a call gave."""

    tool_use_id: str
    content: str | list[ContentBlock] | None = None
    is_error: bool | None = None


class ToolReferenceBlock(msgspec.Struct, ContentBlock, frozen=True):
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
