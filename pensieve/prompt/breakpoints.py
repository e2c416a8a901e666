"""A request with `cache_control` in, requests that are the same up to each mark out.

Each says something else behind it: what the prompts of both begin with is what is worth
keeping. Marks that say what is known anyway are left out: at the end of all tools and
the system prompt, and at the end of the request.
"""

from collections.abc import Iterator, Sequence

import msgspec

from pensieve.prompt.turns import blocks_of, is_bookkeeping
from pensieve.schema.breakpoints import Breakpoint, marked
from pensieve.schema.content import ContentBlock, TextBlock
from pensieve.schema.request import MessageParam, PromptRequest
from pensieve.schema.tools import ToolParam

_OTHER_TEXT = TextBlock("…")
_OTHER_MESSAGE = MessageParam("user", "…")
_OTHER_TOOL = ToolParam(name="other", input_schema={"type": "object"})


def alike(request: PromptRequest) -> Iterator[PromptRequest]:
    """Return a request for each mark that says something new."""
    for mark in marked(request):
        match mark.field:
            case "tools" if request.system or _follows(mark, request.tools):
                yield _up_to_tool(request, mark.entry)
            case "system" if _follows(mark, blocks_of(request.system)):
                yield _up_to_system(request, mark.entry)
            case "messages" if not _is_at_the_end(request, mark):
                yield _up_to_block(request, mark)


def _follows(mark: Breakpoint, entries: Sequence[object] | None) -> bool:
    return mark.entry + 1 < len(entries or [])


def _is_at_the_end(request: PromptRequest, mark: Breakpoint) -> bool:
    """Whether nothing that is shown comes after a mark."""
    message, *others = request.messages[mark.entry :]
    blocks = blocks_of(message.content)[mark.block + 1 :]
    for other in others:
        blocks += blocks_of(other.content)
    return all(
        isinstance(block, TextBlock) and is_bookkeeping(block.text) for block in blocks
    )


def _up_to_tool(request: PromptRequest, index: int) -> PromptRequest:
    tools = [*(request.tools or [])[: index + 1], _OTHER_TOOL]
    return _with(request, tools=tools, messages=[_OTHER_MESSAGE])


def _up_to_system(request: PromptRequest, index: int) -> PromptRequest:
    blocks: list[ContentBlock] = blocks_of(request.system)[: index + 1]
    return _with(request, system=[*blocks, _OTHER_TEXT], messages=[_OTHER_MESSAGE])


def _up_to_block(request: PromptRequest, mark: Breakpoint) -> PromptRequest:
    *before, message = request.messages[: mark.entry + 1]
    blocks = blocks_of(message.content)[: mark.block + 1]
    if message.role != "assistant":
        blocks.append(_OTHER_TEXT)
    cut = msgspec.structs.replace(message, content=blocks)
    after = [_OTHER_MESSAGE] if message.role == "assistant" else []
    return _with(request, messages=[*before, cut, *after])


def _with(request: PromptRequest, **fields: object) -> PromptRequest:
    """Return the request with other fields, and no tool that has to be called."""
    return msgspec.structs.replace(request, tool_choice=None, **fields)
