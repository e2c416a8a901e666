"""The stream's events in, the whole message out, for answers that are not streamed."""

from pensieve.schema.events import (
    ContentBlockDelta,
    ContentBlockStart,
    Event,
    MessageDelta,
    MessageStart,
)
from pensieve.schema.message import Message, TextBlock, Usage


class Collector:
    """Puts one answer together: any number of `feed`, then `finish`."""

    def __init__(self) -> None:
        self._start: MessageStart | None = None
        self._texts: list[list[str]] = []
        self._end: MessageDelta | None = None

    def feed(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case MessageStart():
                self._start = event
            case ContentBlockStart():
                self._texts.append([event.content_block.text])
            case ContentBlockDelta():
                self._texts[event.index].append(event.delta.text)
            case MessageDelta():
                self._end = event

    def finish(self) -> Message:
        """Return the message of a stream that has ended."""
        assert self._start is not None
        assert self._end is not None
        message = self._start.message
        return Message(
            id=message.id,
            model=message.model,
            content=[TextBlock("".join(pieces)) for pieces in self._texts],
            stop_reason=self._end.delta.stop_reason,
            stop_sequence=self._end.delta.stop_sequence,
            usage=Usage(
                input_tokens=self._end.usage.input_tokens,
                cache_read_input_tokens=self._end.usage.cache_read_input_tokens,
                cache_creation_input_tokens=(
                    self._end.usage.cache_creation_input_tokens
                ),
                output_tokens=self._end.usage.output_tokens,
            ),
        )
