"""What a request's types cannot say: what its fields have to be to each other.

Each error is worded as the API words it, where its wording is known.
"""

import re

from pensieve.errors import InvalidRequestError
from pensieve.schema.anthropic_tools import anthropic_tool
from pensieve.schema.breakpoints import marked
from pensieve.schema.cache_control import MAX_BREAKPOINTS
from pensieve.schema.request import PromptRequest
from pensieve.schema.tool_pairing import check_tool_pairing
from pensieve.schema.tools import ToolParam

MIN_THINKING_TOKENS = 1024
MAX_STOP_SEQUENCE_CHARS = 65_536
"""Of all together."""

_TOOL_NAME = r"^[a-zA-Z0-9_-]{1,128}$"


def check_prompt(request: PromptRequest, max_tokens: int | None) -> None:
    """Check all that makes the prompt.

    Args:
        request: decoded.
        max_tokens: of the answer; None where none is asked for.

    Raises:
        InvalidRequestError: the API does not take this.
    """
    for index, message in enumerate(request.messages):
        if message.content is None and message.role != "system":
            raise InvalidRequestError(f"messages.{index}.content: Field required")
    check_tool_pairing(request.messages)
    _check_tools(request.tools or [])
    _check_tool_choice(request)
    _check_thinking(request, max_tokens)
    _check_breakpoints(request)


def check_tool(tool: ToolParam, path: str) -> str:
    """Check one tool's definition, and return its name.

    Raises:
        InvalidRequestError: a custom tool that is not whole, or a tool of Anthropic's
            that runs on a server, which Pensieve is not. (It has no web search either,
            but Claude Code asks for one and goes on without.)
    """
    if not tool.is_custom:
        return _check_anthropic_tool(tool, path)
    path = f"{path}.custom"
    if tool.name is None:
        raise InvalidRequestError(f"{path}.name: Field required")
    if not re.fullmatch(_TOOL_NAME, tool.name):
        raise InvalidRequestError(
            f"{path}.name: String should match pattern '{_TOOL_NAME}'"
        )
    if tool.input_schema is None:
        raise InvalidRequestError(f"{path}.input_schema: Field required")
    if "type" not in tool.input_schema:
        raise InvalidRequestError(f"{path}.input_schema.type: Field required")
    if tool.input_schema["type"] != "object":
        raise InvalidRequestError(f"{path}.input_schema.type: Input should be 'object'")
    return tool.name


def check_stop_sequences(stop_sequences: list[str]) -> None:
    """Check what ends the answer.

    Raises:
        InvalidRequestError: one is white space alone, or they are too long together.
    """
    for index, sequence in enumerate(stop_sequences):
        if not sequence.strip():
            raise InvalidRequestError(
                f"stop_sequences.{index}: must contain more than whitespace"
            )
    num_chars = sum(map(len, stop_sequences))
    if num_chars > MAX_STOP_SEQUENCE_CHARS:
        raise InvalidRequestError(
            "stop_sequences: Input should have at most"
            f" {MAX_STOP_SEQUENCE_CHARS} characters in all, got {num_chars}"
        )


def _check_anthropic_tool(tool: ToolParam, path: str) -> str:
    defined = anthropic_tool(tool)
    if defined is None:
        raise InvalidRequestError(
            f"{path}: expected a tool that the client runs (custom, bash, text_editor,"
            f" memory, computer) or web_search, got '{tool.type}'"
        )
    if tool.name is None:
        raise InvalidRequestError(f"{path}.{tool.type}.name: Field required")
    if tool.name != defined.name:
        raise InvalidRequestError(
            f"{path}.{tool.type}.name: Input should be '{defined.name}',"
            f" got '{tool.name}'"
        )
    return tool.name


def _check_tools(tools: list[ToolParam]) -> None:
    names = [check_tool(tool, f"tools.{index}") for index, tool in enumerate(tools)]
    if len(set(names)) < len(names):
        raise InvalidRequestError("tools: Tool names must be unique.")


def _check_tool_choice(request: PromptRequest) -> None:
    choice = request.tool_choice
    if choice is not None and choice.type == "tool" and choice.name is None:
        raise InvalidRequestError("tool_choice.tool.name: Field required")


def _check_breakpoints(request: PromptRequest) -> None:
    count = sum(1 for _ in marked(request))
    if count > MAX_BREAKPOINTS:
        raise InvalidRequestError(
            f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided."
            f" Found {count}."
        )


def _check_thinking(request: PromptRequest, max_tokens: int | None) -> None:
    if request.thinking is None or request.thinking.type != "enabled":
        return
    budget, path = request.thinking.budget_tokens, "thinking.enabled.budget_tokens"
    if budget is None:
        raise InvalidRequestError(f"{path}: Field required")
    if budget < MIN_THINKING_TOKENS:
        raise InvalidRequestError(
            f"{path}: Input should be greater than or equal to {MIN_THINKING_TOKENS}"
        )
    # With `max_tokens` 0 nothing is thought: the prompt is only cached.
    if max_tokens and budget >= max_tokens:
        raise InvalidRequestError(
            "`max_tokens` must be greater than `thinking.budget_tokens`"
        )
    if request.forces_tool_use:
        raise InvalidRequestError(
            "Thinking may not be enabled when tool_choice forces tool use."
        )
