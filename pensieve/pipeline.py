"""One request, start to end: a MessagesRequest in, stream events out.

    request ─ canonical form ─ chat template ─ tokenizer ─▶ token ids    prompt/
            ─ what the answer has to be ─▶ grammar                       grammar/
            ─ engine process ─▶ sampled token ids                        link/
            ─ detokenizer ─ parser ─ stop sequences ─ blocks ─▶ events   output/

The stages do not know of each other. Start reading here.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from typing import NamedTuple, Self, TypeVar

import msgspec

from pensieve.errors import InvalidRequestError
from pensieve.figures.history import BrokenPrefix
from pensieve.figures.request import RequestFigures
from pensieve.grammar.answer_plan import AnswerPlan, plan_answer
from pensieve.link.client import EngineClient
from pensieve.link.messages import Constraint, SamplingParams, ThinkingLimit
from pensieve.models.description import GenerationDefaults, ModelDescription
from pensieve.output.collector import Collector
from pensieve.output.detokenizer import Detokenizers
from pensieve.output.dialect import Dialect, dialect_of, writes_known_calls
from pensieve.output.reply import Reply
from pensieve.prompt.builder import Prompt, PromptBuilder
from pensieve.schema.events import Event, MessageDelta
from pensieve.schema.message import Message, ToolUseBlock
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
    plan: AnswerPlan
    room: int
    """Tokens that the model's window has left for the answer, >= 1."""


class Pipeline:
    """Joins the stages for one model. Of one event loop."""

    def __init__(
        self,
        description: ModelDescription,
        prompts: PromptBuilder,
        dialect: Dialect,
        engine: EngineClient,
    ) -> None:
        self._description = description
        self._prompts = prompts
        self._dialect = dialect
        self._engine = engine
        control_ids = {prompts.tokenizer.token_id(t) for t in dialect.control_texts}
        silent_ids = prompts.tokenizer.special_token_ids - control_ids
        self._detokenizers = Detokenizers(prompts.tokenizer.backend, silent_ids)

    @classmethod
    def open(
        cls,
        description: ModelDescription,
        engine: EngineClient,
        tool_format: str = "auto",
    ) -> Self:
        """Read what the model's files say of prompts and answers.

        Args:
            tool_format: one of DIALECT_NAMES, or "auto".

        Raises:
            ModelError: its template or tokenizer cannot be used.
            OSError: a file cannot be read.
        """
        template = description.chat_template
        is_known = writes_known_calls(template, tool_format)
        prompts = PromptBuilder.open(description, uses_own_tools=is_known)
        dialect = dialect_of(template, prompts.shows_tools, tool_format)
        return cls(description, prompts, dialect, engine)

    def count_tokens(self, request: PromptRequest) -> int:
        """Return the length of the prompt that the request would make.

        Raises:
            InvalidRequestError: the model cannot be asked this.
        """
        return self._prompts.count(request)

    async def prepare(
        self,
        request: MessagesRequest,
        conversation_id: str = "",
        figures: RequestFigures | None = None,
    ) -> PreparedRequest:
        """Make the prompt, off the event loop, and see that it fits.

        Args:
            conversation_id: the same for all requests of one conversation; empty: it
                is not known.
            figures: of the request, as `stream` has it.

        Raises:
            InvalidRequestError: the model cannot be asked this, or its window is full.
        """
        figures = figures or RequestFigures()
        figures.asked(self._description.name)
        return await asyncio.to_thread(
            self._prepared, request, conversation_id, figures
        )

    async def stream(
        self,
        prepared: PreparedRequest,
        is_background: bool = False,
        collector: Collector | None = None,
        figures: RequestFigures | None = None,
    ) -> AsyncGenerator[Event]:
        """Yield the events of one reply, `message_start` first.

        Closing the generator cancels the work, wherever it is.

        Args:
            is_background: others go first.
            collector: a new one, fed with all events that are yielded.
            figures: of the request, told what happens; `ended` is the caller's to say.

        Raises:
            RateLimitError: the queue is full.
            OverloadedError: there is no engine.
        """
        request, prompt, plan, room = prepared
        reply = self._reply(prepared)
        collector = collector or Collector()
        figures = figures or RequestFigures()
        generated_ids: list[int] = []
        # The engine prefills only what it also samples from: with nothing to be said,
        # one token is sampled, and not looked at.
        max_tokens = min(max(1, request.max_tokens), room)
        figures.submitted()
        sequence = self._engine.submit(
            prompt.token_ids,
            max_tokens,
            self._description.end_token_ids,
            sampling_params(request, self._description.defaults),
            Constraint(plan.grammar, self._thinking_limit(request, prompt)),
            head_size=prompt.head_size,
            keep_sizes=prompt.keep_sizes,
            # Its sub-agents share a session's part of the machine.
            conversation_id=prompt.conversation_id.partition("/")[0],
            is_background=is_background,
        )
        figures.follow(lambda: sequence.unread_tokens)
        async with sequence:
            admitted = await sequence.admitted()
            figures.admitted(
                len(prompt.token_ids), admitted.cached_tokens, admitted.disk_tokens
            )
            start = reply.start(
                len(prompt.token_ids),
                admitted.cached_tokens,
                admitted.newly_cached_tokens,
            )
            collector.feed(start)
            yield start
            async for token_ids in sequence:
                figures.sampled(len(token_ids))
                if request.max_tokens == 0:
                    break
                generated_ids += token_ids
                for event in reply.feed(token_ids):
                    collector.feed(event)
                    yield event
                if reply.has_stopped:
                    break
        is_warm_up = request.max_tokens == 0
        reason = "max_tokens" if is_warm_up else sequence.finish_reason or "end_token"
        ending = reply.finish(reason, is_window_full=room < request.max_tokens)
        for event in ending:
            collector.feed(event)
            if isinstance(event, MessageDelta):
                figures.stopped(event.delta.stop_reason, event.usage.output_tokens)
        if not (reply.stop_sequence or reply.has_server_call or is_warm_up):
            # Before the last event: at it the client may send the next turn.
            read_ids = generated_ids[: reply.num_read_tokens]
            content = collector.content()
            self._prompts.remember(prompt, read_ids, content)
            if reason == "max_tokens" and isinstance(content[-1], ToolUseBlock):
                # Clients that cannot read a call's input send it back without any.
                content[-1] = msgspec.structs.replace(content[-1], input={})
                self._prompts.remember(prompt, read_ids, content)
        for event in ending:
            yield event

    async def answer(
        self,
        prepared: PreparedRequest,
        is_background: bool = False,
        figures: RequestFigures | None = None,
    ) -> Message:
        """Return the whole reply.

        Raises:
            ApiError: as `stream`.
        """
        collector = Collector()
        events = self.stream(prepared, is_background, collector, figures)
        async with contextlib.aclosing(events):
            async for _ in events:
                pass
        return collector.finish()

    def _prepared(
        self, request: MessagesRequest, conversation_id: str, figures: RequestFigures
    ) -> PreparedRequest:
        prompt = self._prompts.build(request, conversation_id)
        # Before it may be refused for its length. The event loop waits for this thread.
        figures.counted(len(prompt.token_ids), _broken_prefix(prompt))
        room = self._room_after(len(prompt.token_ids))
        plan = plan_answer(
            request,
            self._dialect,
            prompt.conversation.callable_tools,
            self._prompts.tokenizer.token_id,
            may_think=prompt.conversation.thinking != "off",
            is_thinking_open=prompt.opens_thinking,
        )
        return PreparedRequest(request, prompt, plan, room)

    def _room_after(self, num_prompt_tokens: int) -> int:
        """Return how many tokens the model's window has left, at least 1."""
        longest = self._description.context_length - 1
        if num_prompt_tokens > longest:
            # SPEC: Claude Code compacts the conversation at exactly this text.
            raise InvalidRequestError(
                f"prompt is too long: {num_prompt_tokens} tokens > {longest} maximum"
            )
        return self._description.context_length - num_prompt_tokens

    def _reply(self, prepared: PreparedRequest) -> Reply:
        """Return an empty reply, which carries the model's name as it was asked for."""
        request, prompt, plan, _ = prepared
        thinking = request.thinking
        return Reply(
            request.model,
            self._detokenizers.begin(prompt.is_continuation),
            self._dialect.parser(plan.tools, prompt.opens_thinking),
            request.stop_sequences or [],
            max_calls=plan.max_calls,
            hides_thinking=thinking is not None and thinking.display == "omitted",
            server_tools={tool.name for tool in plan.tools if tool.is_server_tool},
        )

    def _thinking_limit(
        self, request: MessagesRequest, prompt: Prompt
    ) -> ThinkingLimit | None:
        """Return the request's budget; none at all where it wants no thinking."""
        marks = self._dialect.thinking_marks
        if marks is None:
            return None
        asked = request.thinking
        if asked and asked.type == "enabled" and asked.budget_tokens is not None:
            # No answer is longer than the window; the client's number may be anything.
            budget = min(asked.budget_tokens, self._description.context_length)
        elif prompt.conversation.thinking == "off" and prompt.opens_thinking:
            budget = 0
        else:
            return None

        def encoded(text: str) -> list[int]:
            return self._prompts.tokenizer.encode(text, is_start=False)

        return ThinkingLimit(
            max_tokens=budget,
            is_open=prompt.opens_thinking,
            open_token_ids=encoded(marks.opens),
            close_token_ids=encoded(marks.closes),
            closing_token_ids=encoded(marks.closing),
        )


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
        repetition_penalty=_first(None, defaults.repetition_penalty, 1.0),
        presence_penalty=_first(None, defaults.presence_penalty, 0.0),
        frequency_penalty=_first(None, defaults.frequency_penalty, 0.0),
    )


def _broken_prefix(prompt: Prompt) -> BrokenPrefix | None:
    if not prompt.broken_by:
        return None
    return BrokenPrefix(prompt.broken_by, prompt.extends, prompt.earlier)


def _first(asked: T | None, default: T | None, otherwise: T) -> T:
    if asked is not None:
        return asked
    return otherwise if default is None else default
