"""What a request demands of its answer's form, and how that is brought about.

A grammar makes the model keep to it, since asking does not. Where nothing is demanded
there is none, and the model writes as fast as it can.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pensieve.grammar.answer_grammar import (
    answer_grammar,
    json_answer_grammar,
    json_or_calls_grammar,
    text_only_grammar,
)
from pensieve.grammar.answer_rule import AnswerRule
from pensieve.grammar.schemas.check import check_schema
from pensieve.output.dialect import Dialect
from pensieve.schema.decoding import nested_too_deeply
from pensieve.schema.request import JsonOutputFormat, PromptRequest, ToolChoice
from pensieve.schema.tools import Tool

AUTO = ToolChoice("auto")


class AnswerPlan(NamedTuple):
    """How one answer is made and read."""

    grammar: str
    """Of llguidance; empty: none."""
    tools: Sequence[Tool]
    """Those that the answer may call; none: nothing in it is read as a call."""
    max_calls: int | None
    """The answer ends after so many."""


@nested_too_deeply()
def plan_answer(
    request: PromptRequest,
    dialect: Dialect,
    tools: Sequence[Tool],
    token_id: Callable[[str], int | None],
    *,
    may_think: bool,
    is_thinking_open: bool,
) -> AnswerPlan:
    """Return the plan of a request's answer.

    Args:
        tools: those that the conversation lets the model call.
        token_id: the id of a control token, by its text.
        may_think: the answer may begin with thinking.
        is_thinking_open: the prompt ends inside thinking.

    Raises:
        InvalidRequestError: a schema that is to be enforced cannot be.
    """
    choice = request.tool_choice or AUTO
    thinking = dialect.thinking if may_think or is_thinking_open else None
    output_format = _checked_output_format(request)
    may_call = bool(tools) and choice.type != "none"
    if output_format is not None and not may_call:
        grammar = json_answer_grammar(
            output_format.schema, thinking, is_thinking_open, token_id, dialect.name
        )
        return AnswerPlan(grammar, tools=(), max_calls=None)
    if not tools:
        return AnswerPlan("", tools=(), max_calls=None)
    if not may_call:
        grammar = text_only_grammar(dialect.name, thinking, is_thinking_open, token_id)
        return AnswerPlan(grammar, tools=(), max_calls=None)

    is_forced = choice.type != "auto"
    if choice.type == "tool":
        tools = [tool for tool in tools if tool.name == choice.name]
    is_single = bool(choice.disable_parallel_tool_use) or choice.type == "tool"
    max_calls = 1 if is_single else None
    is_free = not is_forced and output_format is None
    if is_free and not any(tool.is_strict for tool in tools):
        return AnswerPlan("", tools, max_calls)
    _check_schemas(request, tools, is_forced)
    rule = AnswerRule(
        tools=list(tools),
        min_calls=0 if is_free else 1,
        max_calls=max_calls,
        allows_text=is_free,
        thinking=thinking,
        is_thinking_open=is_thinking_open,
        enforces="all" if is_forced else "strict",
    )
    if output_format is not None and not is_forced:
        grammar = json_or_calls_grammar(
            output_format.schema, dialect.name, rule, token_id
        )
    else:
        grammar = answer_grammar(dialect.name, rule, token_id)
    return AnswerPlan(grammar, tools, max_calls)


def _checked_output_format(request: PromptRequest) -> JsonOutputFormat | None:
    config = request.output_config
    if config is not None and config.format is not None:
        check_schema(config.format.schema, "output_config.format.schema")
        return config.format
    if request.output_format is not None:
        check_schema(request.output_format.schema, "output_format.schema")
    return request.output_format


def _check_schemas(
    request: PromptRequest, tools: Sequence[Tool], is_forced: bool
) -> None:
    places = {tool.name: i for i, tool in enumerate(request.tools or [])}
    for tool in tools:
        if is_forced or tool.is_strict:
            place = f"tools.{places.get(tool.name, tool.name)}"
            check_schema(tool.input_schema, f"{place}.input_schema")
