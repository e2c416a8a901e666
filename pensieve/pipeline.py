"""One request, start to end: a MessagesRequest in, stream events out.

    request ─ canonical form ─ chat template ─ tokenizer ─▶ token ids    prompt/
            ─ engine process ─▶ sampled token ids                        link/
            ─ detokenizer ─ stop sequences ─ blocks ─▶ events            output/

The stages do not know of each other. Start reading here.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from typing import NamedTuple, Self, TypeVar

from pensieve.errors import InvalidRequestError
from pensieve.link.client import EngineClient
from pensieve.link.messages import SamplingParams
from pensieve.models.description import GenerationDefaults, ModelDescription
from pensieve.output.collector import Collector
from pensieve.output.detokenizer import Detokenizer
from pensieve.output.reply import Reply
from pensieve.output.stop_sequences import StopSequences
from pensieve.prompt.builder import Prompt, PromptBuilder
from pensieve.schema.events import Event
from pensieve.schema.message import Message
from pensieve.schema.request import MessagesRequest, PromptRequest

T = TypeVar("T")

MAX_TOP_K = 1 << 20
"""More than any vocabulary has tokens: all of them."""
MIN_TOP_P = 1e-6
"""What a `top_p` of 0 means: the most likely token, and those that tie with it."""


class PreparedRequest(NamedTuple):
    """A request whose prompt is made."""

    request: MessagesRequest
    prompt: Prompt
    room: int
    """Tokens that the model's window has left for the answer, >= 1."""


class Pipeline:
    """Joins the stages for one model. Of one event loop."""

    def __init__(
        self,
        description: ModelDescription,
        prompts: PromptBuilder,
        engine: EngineClient,
    ) -> None:
        self._description = description
        self._prompts = prompts
        self._engine = engine

    @classmethod
    def open(cls, description: ModelDescription, engine: EngineClient) -> Self:
        """Read what the model's files say of prompts.

        Raises:
            ModelError: its template or tokenizer cannot be used.
            OSError: a file cannot be read.
        """
        return cls(description, PromptBuilder.open(description), engine)

    def count_tokens(self, request: PromptRequest) -> int:
        """Return the length of the prompt that the request would make.

        Raises:
            InvalidRequestError: the model cannot be asked this.
        """
        return len(self._prompts.build(request).token_ids)

    async def prepare(self, request: MessagesRequest) -> PreparedRequest:
        """Make the prompt, off the event loop, and see that it fits.

        Raises:
            InvalidRequestError: the model cannot be asked this, or its window is full.
        """
        prompt = await asyncio.to_thread(self._prompts.build, request)
        return PreparedRequest(request, prompt, self._room_after(len(prompt.token_ids)))

    async def stream(self, prepared: PreparedRequest) -> AsyncGenerator[Event]:
        """Yield the events of one reply, `message_start` first.

        Closing the generator cancels the work, wherever it is.

        Raises:
            RateLimitError: the queue is full.
            OverloadedError: there is no engine.
        """
        request, prompt, room = prepared
        reply = self._reply(request, prompt.is_continuation)
        sequence = self._engine.submit(
            prompt.token_ids,
            min(request.max_tokens, room),
            self._description.end_token_ids,
            sampling_params(request, self._description.defaults),
        )
        async with sequence:
            admitted = await sequence.admitted()
            yield reply.start(len(prompt.token_ids), admitted.cached_tokens)
            async for token_ids in sequence:
                for event in reply.feed(token_ids):
                    yield event
                if reply.has_stopped:
                    break
        reason = sequence.finish_reason or "end_token"
        for event in reply.finish(reason, is_window_full=room < request.max_tokens):
            yield event

    async def answer(self, request: MessagesRequest) -> Message:
        """Return the whole reply.

        Raises:
            ApiError: as `prepare` and `stream`.
        """
        prepared = await self.prepare(request)
        collector = Collector()
        async with contextlib.aclosing(self.stream(prepared)) as events:
            async for event in events:
                collector.feed(event)
        return collector.finish()

    def _room_after(self, num_prompt_tokens: int) -> int:
        """Return how many tokens the model's window has left, at least 1."""
        longest = self._description.context_length - 1
        if num_prompt_tokens > longest:
            # SPEC: Claude Code compacts the conversation at exactly this text.
            raise InvalidRequestError(
                f"prompt is too long: {num_prompt_tokens} tokens > {longest} maximum"
            )
        return self._description.context_length - num_prompt_tokens

    def _reply(self, request: MessagesRequest, is_continuation: bool) -> Reply:
        """Return an empty reply, which carries the model's name as it was asked for."""
        tokenizer = self._prompts.tokenizer
        detokenizer = Detokenizer(
            tokenizer.backend, tokenizer.special_token_ids, is_continuation
        )
        stop_sequences = StopSequences(request.stop_sequences or [])
        return Reply(request.model, detokenizer, stop_sequences)


def sampling_params(
    request: MessagesRequest, defaults: GenerationDefaults
) -> SamplingParams:
    """Return what the request says, else what the model does, else the API's default.

    The seed is new for each request.
    """
    return SamplingParams(
        seed=secrets.randbits(64),
        temperature=_first(request.temperature, defaults.temperature, 1.0),
        top_k=min(MAX_TOP_K, _first(request.top_k, defaults.top_k, 0)),
        top_p=max(MIN_TOP_P, _first(request.top_p, defaults.top_p, 1.0)),
        min_p=_first(None, defaults.min_p, 0.0),
    )


def _first(asked: T | None, default: T | None, otherwise: T) -> T:
    if asked is not None:
        return asked
    return otherwise if default is None else default
