"""Token ids in, the stream's events out: blocks, cut at a stop sequence."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from pensieve.output.blocks import Blocks
from pensieve.output.detokenizer import REPLACEMENT, Detokenizer
from pensieve.output.pieces import CallEnd, Parser, Piece, Text, Thinking
from pensieve.output.stop_sequences import StopSequences
from pensieve.schema.events import (
    DeltaUsage,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    StopDelta,
)
from pensieve.schema.message import (
    CacheCreation,
    Message,
    OutputTokensDetails,
    StopReason,
    Usage,
    make_message_id,
)


class Reply:
    """One answer: `start`, any number of `feed`, `finish`.

    `has_stopped` says that nothing more need be fed: a stop sequence was found, or all
    the calls were made that the answer may make.
    """

    def __init__(
        self,
        model: str,
        detokenizer: Detokenizer,
        parser: Parser,
        stop_sequences: Sequence[str] = (),
        *,
        max_calls: int | None = None,
        hides_thinking: bool = False,
        server_tools: Collection[str] = (),
    ) -> None:
        """Begin an answer.

        Args:
            model: the name that the answer carries.
            detokenizer: a new one.
            parser: a new one.
            stop_sequences: end the answer where they come in its text; none empty.
            max_calls: end the answer after so many calls.
            hides_thinking: thinking blocks come without their text.
            server_tools: names of the tools whose calls are the server's.
        """
        self._model = model
        self._detokenizer = detokenizer
        self._parser = parser
        self._stop_texts = stop_sequences
        self._stop_sequences = StopSequences(stop_sequences)
        self._blocks = Blocks(hides_thinking, server_tools)
        self._max_calls = max_calls
        self._num_ended_calls = 0
        self._usage = Usage(input_tokens=0, output_tokens=0)
        self._num_output_tokens = 0
        self._num_thinking_tokens = 0
        self._num_held_thoughts = 0  # tokens whose text the parser holds back

    @property
    def has_stopped(self) -> bool:
        """Whether nothing more can come of more tokens."""
        return (
            self.stop_sequence is not None
            or self._num_ended_calls == self._max_calls
            or self.has_server_call
        )

    @property
    def stop_sequence(self) -> str | None:
        """The stop sequence that was found."""
        return self._stop_sequences.matched

    @property
    def has_server_call(self) -> bool:
        """Whether a call was answered here, with a result that no token says."""
        return self._blocks.has_server_call

    @property
    def num_read_tokens(self) -> int:
        """How many of the tokens that were fed the answer has: none behind its end."""
        return self._num_output_tokens

    def start(
        self, prompt_tokens: int, cached_tokens: int, newly_cached_tokens: int = 0
    ) -> MessageStart:
        """Return the first event, whose counts of the prompt are final.

        Args:
            cached_tokens: of the prompt, found in the prefix cache.
            newly_cached_tokens: of the rest, put into it.
        """
        self._usage = Usage(
            input_tokens=prompt_tokens - cached_tokens - newly_cached_tokens,
            cache_read_input_tokens=cached_tokens,
            cache_creation_input_tokens=newly_cached_tokens,
            cache_creation=CacheCreation(newly_cached_tokens),
            output_tokens=0,
        )
        return MessageStart(
            Message(
                id=make_message_id(), model=self._model, content=[], usage=self._usage
            )
        )

    def feed(self, token_ids: Iterable[int]) -> list[Event]:
        """Return what these tokens make certain, up to where the answer ends."""
        events: list[Event] = []
        feed, parse = self._detokenizer.feed, self._parser.feed
        for token_id in token_ids:
            self._num_output_tokens += 1
            text = feed([token_id])
            pieces = parse(text) if text else []
            if pieces:
                events += self._write(pieces)
            self._count_thinking(pieces)
            if self.has_stopped:
                break
        return events

    def finish(
        self, reason: Literal["end_token", "max_tokens"], is_window_full: bool = False
    ) -> list[Event]:
        """Return what was held back and the end of the stream.

        Args:
            reason: why the sequence ended, if the reply has not stopped before.
            is_window_full: "max_tokens" came of the model's window, not of the request.
        """
        events: list[Event] = []
        if not self.has_stopped:
            held = self._detokenizer.finish()
            if reason == "max_tokens":  # the rest of a character would have come
                held = held.rstrip(REPLACEMENT)
            events += self._write(self._parser.feed(held))
            events += self._write(self._parser.finish())
            events += self._write_text(self._stop_sequences.finish())
        stop_reason = self._stop_reason(reason, is_window_full)
        is_cut_short = stop_reason in ("max_tokens", "model_context_window_exceeded")
        events += self._blocks.finish(is_cut_short)
        usage = DeltaUsage(
            input_tokens=self._usage.input_tokens,
            cache_creation_input_tokens=self._usage.cache_creation_input_tokens,
            cache_read_input_tokens=self._usage.cache_read_input_tokens,
            output_tokens=self._num_output_tokens,
            output_tokens_details=OutputTokensDetails(self._num_thinking_tokens),
        )
        delta = StopDelta(stop_reason, self.stop_sequence)
        return [*events, MessageDelta(delta, usage), MessageStop()]

    def _stop_reason(
        self, reason: Literal["end_token", "max_tokens"], is_window_full: bool
    ) -> StopReason:
        if self.stop_sequence is not None:
            return "stop_sequence"
        if reason == "max_tokens" and not self.has_stopped:
            return "model_context_window_exceeded" if is_window_full else "max_tokens"
        is_for_client = self._blocks.num_calls and not self._blocks.has_server_call
        return "tool_use" if is_for_client else "end_turn"

    def _count_thinking(self, pieces: list[Piece]) -> None:
        """Count a token that gave these pieces; one that gave none yet, later.

        So what closes thinking is not counted as thought.
        """
        has_thought = False
        for piece in pieces:
            has_thought = has_thought or isinstance(piece, Thinking)
        if has_thought:
            self._num_thinking_tokens += 1 + self._num_held_thoughts
            self._num_held_thoughts = 0
        elif self._blocks.is_thinking and not pieces:
            self._num_held_thoughts += 1
        else:
            self._num_held_thoughts = 0

    def _write(self, pieces: list[Piece]) -> list[Event]:
        """Return the events of these pieces, up to where the answer ends."""
        events: list[Event] = []
        for piece in pieces:
            if isinstance(piece, Text) and not self._stop_texts:
                events += self._blocks.write(piece)
            elif isinstance(piece, Text):
                events += self._write_text(self._stop_sequences.feed(piece.text))
            else:
                if self._stop_texts:
                    events += self._write_text(self._stop_sequences.finish())
                    self._stop_sequences = StopSequences(self._stop_texts)
                events += self._blocks.write(piece)
                self._num_ended_calls += isinstance(piece, CallEnd)
            if self.has_stopped:
                break
        return events

    def _write_text(self, text: str) -> list[Event]:
        return self._blocks.write(Text(text)) if text else []
