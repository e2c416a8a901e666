"""A request in, the places of its `cache_control` out."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pensieve.schema.cache_control import Markable
from pensieve.schema.content import ContentBlock, ToolResultBlock
from pensieve.schema.request import PromptRequest


class Breakpoint(NamedTuple):
    """The end of a tool, or of a block of the system prompt or of a message."""

    field: Literal["tools", "system", "messages"]
    entry: int
    """Of the tool, the system's block or the message."""
    block: int
    """Of the block in its message; of a tool's or the system's, 0."""


def marked(request: PromptRequest) -> Iterator[Breakpoint]:
    """Go through the breakpoints, in the order of the API: tools, system, messages.

    One for the request as a whole is none of these: it is where the prompt ends. One
    within a call's result is at the result's end.
    """
    for index, tool in enumerate(request.tools or []):
        if tool.cache_control:
            yield Breakpoint("tools", index, 0)
    for index, block in _numbered(request.system):
        if _is_marked(block):
            yield Breakpoint("system", index, 0)
    for index, message in enumerate(request.messages):
        for place, block in _numbered(message.content):
            for _ in range(_num_marks(block)):
                yield Breakpoint("messages", index, place)


def _numbered(
    content: str | list[ContentBlock] | None,
) -> Iterator[tuple[int, ContentBlock]]:
    return enumerate([] if isinstance(content, str) else content or [])


def _num_marks(block: ContentBlock) -> int:
    count = int(_is_marked(block))
    if isinstance(block, ToolResultBlock):
        for _, inner in _numbered(block.content):
            count += _is_marked(inner)
    return count


def _is_marked(block: ContentBlock) -> bool:
    return isinstance(block, Markable) and block.cache_control is not None
