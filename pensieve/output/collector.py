"""The stream's events in, the whole message out, for answers that are not streamed."""

from typing import Any

import msgspec

from pensieve.output.json_stream import closed
from pensieve.schema.events import (
    ContentBlockDelta,
    ContentBlockStart,
    Delta,
    Event,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from pensieve.schema.message import (
    ContentBlock,
    Message,
    OutputTokensDetails,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    Usage,
)


class _GrowingBlock:
    """One block and what was added to it."""

    def __init__(self, block: ContentBlock) -> None:
        self._block = block
        self._pieces: list[str] = []
        self._signature = ""

    def add(self, delta: Delta) -> None:
        match delta:
            case TextDelta():
                self._pieces.append(delta.text)
            case ThinkingDelta():
                self._pieces.append(delta.thinking)
            case InputJsonDelta():
                self._pieces.append(delta.partial_json)
            case SignatureDelta():
                self._signature = delta.signature

    def whole(self) -> ContentBlock:
        joined = "".join(self._pieces)
        block = self._block
        match block:
            case TextBlock():
                return TextBlock(block.text + joined)
            case ThinkingBlock():
                return ThinkingBlock(joined, self._signature)
            case ToolUseBlock() | ServerToolUseBlock():
                block.input = _decoded(joined)
        return block


class Collector:
    """Puts one answer together: any number of `feed`, then `finish`."""

    def __init__(self) -> None:
        self._start: MessageStart | None = None
        self._blocks: list[_GrowingBlock] = []
        self._end: MessageDelta | None = None

    def feed(self, event: Event) -> None:
        """Take the next event."""
        match event:  # the most frequent first
            case ContentBlockDelta():
                self._blocks[event.index].add(event.delta)
            case ContentBlockStart():
                self._blocks.append(_GrowingBlock(event.content_block))
            case MessageStart():
                self._start = event
            case MessageDelta():
                self._end = event

    def content(self) -> list[ContentBlock]:
        """Return the blocks so far, with all that was added to them."""
        return [block.whole() for block in self._blocks]

    def finish(self) -> Message:
        """Return the message of a stream that has ended."""
        assert self._start is not None
        assert self._end is not None
        message = self._start.message
        usage = self._end.usage
        return Message(
            id=message.id,
            model=message.model,
            content=self.content(),
            stop_reason=self._end.delta.stop_reason,
            stop_sequence=self._end.delta.stop_sequence,
            usage=Usage(
                input_tokens=usage.input_tokens,
                cache_read_input_tokens=usage.cache_read_input_tokens,
                cache_creation_input_tokens=usage.cache_creation_input_tokens,
                cache_creation=message.usage.cache_creation,
                output_tokens=usage.output_tokens,
                output_tokens_details=OutputTokensDetails(
                    usage.output_tokens_details.thinking_tokens
                ),
            ),
        )


def _decoded(json: str) -> dict[str, Any]:
    """Return a call's input; of one that was cut short, what is complete."""
    return msgspec.json.decode(closed(json), type=dict[str, Any])
