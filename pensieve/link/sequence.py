"""One request inside the engine, as the HTTP process holds it.

It outlives engines: what it has produced is kept, so that the next engine goes on from
there, and whoever iterates sees a pause and nothing else.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

import msgspec

from pensieve.errors import ApiError, InvalidRequestError, OverloadedError
from pensieve.link.blame import Suspicion
from pensieve.link.messages import (
    Admitted,
    Failed,
    Finished,
    Prefilled,
    Refused,
    SequenceEvent,
    Submit,
)

FinishReason = Literal["end_token", "max_tokens"]


class Sequence:
    """Tokens as they are sampled.

    An async context manager, which cancels at its exit what has not ended; and an async
    iterator over lists of token ids, those that came together.
    """

    def __init__(
        self,
        submit: Submit,
        on_exit: Callable[["Sequence"], None],
    ) -> None:
        self.sequence_id = submit.sequence_id
        self.is_background = submit.is_background
        """Whether others go first."""
        self.is_handed_over = False
        """Whether the engine of now was given it."""
        self.finish_reason: FinishReason | None = None
        """Why it ended, once iteration has."""
        self.has_begun = False
        """Whether the engine of now works on it."""
        self.suspicion = Suspicion()
        """Engines that ended while they worked on it."""
        self._prompt = submit
        self._num_prefilled = 0
        self._most_prefilled = 0  # of all engines
        self._num_produced_here = 0  # by the engine of now
        self._produced: list[int] = []
        self._num_read = 0
        self._admitted: Admitted | None = None
        self._error: ApiError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._on_exit = on_exit

    @property
    def unread_tokens(self) -> int:
        """Prompt tokens that the engine of now has yet to prefill."""
        return len(self._prompt.token_ids) - self._num_prefilled

    @property
    def num_tokens(self) -> int:
        """Its prompt's and those that it has produced."""
        return len(self._prompt.token_ids) + len(self._produced)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.finish_reason is not None or self._error is not None

    async def admitted(self) -> Admitted:
        """Wait until the engine has taken the sequence.

        Raises:
            ApiError: it was refused, or no engine can be had.
        """
        while self._admitted is None:
            if self._error is not None:
                raise self._error
            await self._change()
        return self._admitted

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[int]:
        """Wait for tokens.

        Raises:
            ApiError: the sequence cannot go on.
        """
        while self._num_read == len(self._produced):
            if self._error is not None:
                raise self._error
            if self.finish_reason is not None:
                raise StopAsyncIteration
            await self._change()
        token_ids = self._produced[self._num_read :]
        self._num_read = len(self._produced)
        return token_ids

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._on_exit(self)

    async def _change(self) -> None:
        """Wait until the engine says something; one may wait at a time."""
        # PERF: a future, as an asyncio.Event costs four times as much for each token;
        # bench/serve/bench_http_cpu.py
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _note_change(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ----- The client's side: what the engine said -----

    def submit(self) -> Submit:
        """Return what an engine needs in order to begin, or to go on."""
        prompt = self._prompt
        if not self._produced:
            # PERF: no copy of a long prompt
            return msgspec.structs.replace(prompt, sequence_id=self.sequence_id)
        return msgspec.structs.replace(
            prompt,
            sequence_id=self.sequence_id,
            token_ids=prompt.token_ids + self._produced,
            max_tokens=prompt.max_tokens - len(self._produced),
        )

    def produce(self, token_id: int) -> None:
        """Add a token."""
        self._produced.append(token_id)
        self._num_produced_here += 1
        if self.suspicion:
            self.suspicion.see_token(self._num_produced_here)
        self._note_change()

    def take(self, message: SequenceEvent) -> None:
        """Note what the engine said; of several engines' admissions the first holds."""
        match message:
            case Admitted():
                self.has_begun = True
                self._admitted = self._admitted or message
            case Prefilled():
                num_tokens = len(self._prompt.token_ids)
                self._num_prefilled = min(message.done_tokens, num_tokens)
                if message.done_tokens > self._most_prefilled:
                    self._most_prefilled = message.done_tokens
                    self.suspicion.see_progress()
            case Finished():
                self.finish_reason = message.reason
            case Refused():
                self._error = InvalidRequestError(message.message)
            case Failed():
                kind = OverloadedError if message.is_overload else ApiError
                self._error = kind(message.message)
        self._note_change()

    def interrupt(self) -> None:
        """Note that its engine ended; another one will begin anew."""
        self._forget_progress()

    def renumber(self, sequence_id: int) -> None:
        """Note that it was taken from the engine, to be handed over by another id.

        What the engine still says of the old one is then not taken for the new.
        """
        self.sequence_id = sequence_id
        self._forget_progress()

    def _forget_progress(self) -> None:
        self.has_begun = False
        self.is_handed_over = False
        self._num_prefilled = 0
        self._num_produced_here = 0

    def fail(self, error: ApiError) -> None:
        """End it with an error, raised where it is waited for."""
        self._error = error
        self._note_change()
