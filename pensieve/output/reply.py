"""Token ids in, the stream's events out: text, cut at a stop sequence, in blocks."""

from collections.abc import Iterable
from typing import Literal

from pensieve.output.detokenizer import Detokenizer
from pensieve.output.stop_sequences import StopSequences
from pensieve.schema.events import (
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    DeltaUsage,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    StopDelta,
    TextDelta,
)
from pensieve.schema.message import (
    Message,
    StopReason,
    TextBlock,
    Usage,
    make_message_id,
)


class Reply:
    """One answer: `start`, any number of `feed`, `finish`.

    `has_stopped` says that a stop sequence was found, and nothing more need be fed.
    """

    def __init__(
        self, model: str, detokenizer: Detokenizer, stop_sequences: StopSequences
    ) -> None:
        """Begin an answer.

        Args:
            model: the name that the answer carries.
            detokenizer: a new one.
            stop_sequences: new ones.
        """
        self._model = model
        self._detokenizer = detokenizer
        self._stop_sequences = stop_sequences
        self._usage = Usage(input_tokens=0, output_tokens=0)
        self._num_output_tokens = 0
        self._has_block = False

    @property
    def has_stopped(self) -> bool:
        """Whether a stop sequence was found."""
        return self._stop_sequences.matched is not None

    def start(self, prompt_tokens: int, cached_tokens: int) -> MessageStart:
        """Return the first event, whose counts of the prompt are final."""
        self._usage = Usage(
            input_tokens=prompt_tokens - cached_tokens,
            cache_read_input_tokens=cached_tokens,
            output_tokens=0,
        )
        return MessageStart(
            Message(
                id=make_message_id(), model=self._model, content=[], usage=self._usage
            )
        )

    def feed(self, token_ids: Iterable[int]) -> list[Event]:
        """Return what these tokens make certain, up to a stop sequence."""
        pieces = []
        for token_id in token_ids:
            self._num_output_tokens += 1
            piece = self._detokenizer.feed([token_id])
            pieces.append(self._stop_sequences.feed(piece))
            if self.has_stopped:
                break
        return self._text("".join(pieces))

    def finish(
        self, reason: Literal["end_token", "max_tokens"], is_window_full: bool = False
    ) -> list[Event]:
        """Return what was held back and the end of the stream.

        Args:
            reason: why the sequence ended; a stop sequence that was found goes first.
            is_window_full: "max_tokens" came of the model's window, not of the request.
        """
        held = self._stop_sequences.feed(self._detokenizer.finish())
        events = self._text(held + self._stop_sequences.finish())
        if not self._has_block:
            events += [self._open_block()]  # clients take no answer without content
        usage = DeltaUsage(
            input_tokens=self._usage.input_tokens,
            cache_creation_input_tokens=self._usage.cache_creation_input_tokens,
            cache_read_input_tokens=self._usage.cache_read_input_tokens,
            output_tokens=self._num_output_tokens,
        )
        delta = StopDelta(
            self._stop_reason(reason, is_window_full), self._stop_sequences.matched
        )
        return [*events, ContentBlockStop(0), MessageDelta(delta, usage), MessageStop()]

    def _stop_reason(
        self, reason: Literal["end_token", "max_tokens"], is_window_full: bool
    ) -> StopReason:
        if self.has_stopped:
            return "stop_sequence"
        if reason == "end_token":
            return "end_turn"
        return "model_context_window_exceeded" if is_window_full else "max_tokens"

    def _text(self, piece: str) -> list[Event]:
        if not piece:
            return []
        delta = ContentBlockDelta(0, TextDelta(piece))
        return [delta] if self._has_block else [self._open_block(), delta]

    def _open_block(self) -> Event:
        self._has_block = True
        return ContentBlockStart(0, TextBlock(""))
