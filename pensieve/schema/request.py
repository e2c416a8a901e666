"""What clients ask for: the bodies of POST /v1/messages and its count_tokens.

Names and limits are Anthropic's. Fields that are not here are ignored, as betas add
some with every release.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pensieve.schema.cache_control import Markable
from pensieve.schema.content import ContentBlock
from pensieve.schema.tools import ToolParam

Role = Literal["user", "assistant", "system"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
ToolChoiceType = Literal["auto", "any", "tool", "none"]
ThinkingType = Literal["enabled", "disabled", "adaptive", "between_tools"]

MAX_MESSAGES = 100_000
MAX_STOP_SEQUENCES = 256
"""Each is looked for at every character of the answer."""


class ToolChoice(msgspec.Struct, frozen=True):
    """Whether and which tools the answer has to call."""

    type: ToolChoiceType
    name: str | None = None
    """Of the tool, where `type` is "tool"."""
    disable_parallel_tool_use: bool | None = None
    """One call at most; exactly one where `type` is "any" or "tool"."""


class ThinkingConfig(msgspec.Struct, frozen=True):
    """Whether the model thinks before it answers."""

    type: ThinkingType
    budget_tokens: int | None = None
    """Where `type` is "enabled": the most that it thinks."""
    display: str | None = None
    """"omitted": thinking blocks come without their text."""


class JsonOutputFormat(msgspec.Struct, frozen=True):
    """What the answer's text must be: JSON of a schema."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(msgspec.Struct, frozen=True):
    """How the answer is made."""

    effort: Effort | None = None
    format: JsonOutputFormat | None = None


class MessageParam(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: Role
    content: str | list[ContentBlock] | None = None
    """None only where `role` is "system": such a message may carry settings alone."""
    output_config: OutputConfig | None = None
    """In a system message: from here on."""


class PromptRequest(Markable, frozen=True, kw_only=True):
    """The part of a request that makes the prompt.

    Its own `cache_control` marks its last block.
    """

    model: str
    messages: Annotated[list[MessageParam], Meta(min_length=1, max_length=MAX_MESSAGES)]
    system: str | list[ContentBlock] | None = None
    tools: list[ToolParam] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: JsonOutputFormat | None = None
    """The older name of `output_config.format`."""

    @property
    def forces_tool_use(self) -> bool:
        """Whether the answer has to call a tool."""
        return self.tool_choice is not None and self.tool_choice.type in ("any", "tool")

    @property
    def has_output_format(self) -> bool:
        """Whether the answer has to be JSON of a schema."""
        config = self.output_config
        return bool(self.output_format or (config and config.format))


class CountTokensRequest(PromptRequest, frozen=True, kw_only=True):
    """Body of POST /v1/messages/count_tokens."""


class MessagesRequest(PromptRequest, frozen=True, kw_only=True):
    """Body of POST /v1/messages."""

    max_tokens: Annotated[int, Meta(ge=0)]
    """0: nothing is answered, the prompt is only cached."""
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=MAX_STOP_SEQUENCES)] | None = (
        None
    )
    stream: bool | None = None
    metadata: dict[str, Any] | None = None
