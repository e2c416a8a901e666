"""JSON of every depth, wherever a client may put it, is taken or is a 400."""

import json
from pathlib import Path

import pytest

from pensieve.errors import InvalidRequestError
from pensieve.grammar.answer_plan import plan_answer
from pensieve.models.files import describe
from pensieve.output.dialect import dialect_of
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.bodies import decode_request

TINY_MODEL = Path(__file__).parent.parent / "tiny_model" / "pensieve-tiny"
DEPTHS = [30, 100, 200, 300, 400, 450, 500, 700, 900, 950, 1000, 5000, 100_000]
PLACES = ["schema", "forced", "input", "format", "metadata", "content", "unknown"]
HOLE = "the hole"
"""Where the deep value goes in the text of a body."""


@pytest.fixture(scope="module")
def prepare():
    """Return what makes a prompt and a plan of a body, as the server does."""
    description = describe(TINY_MODEL, "tiny")
    prompts = PromptBuilder.open(description)
    dialect = dialect_of(description.chat_template, prompts.shows_tools, "auto")

    def prepare(body):
        request = decode_request(body)
        prompt = prompts.build(request)
        plan_answer(
            request,
            dialect,
            prompt.conversation.callable_tools,
            prompts.tokenizer.token_id,
            may_think=False,
            is_thinking_open=False,
        )

    return prepare


def body_with(place, value):
    """Return a body with a value, as JSON, at one of the places."""
    body = {"model": "claude-x", "max_tokens": 5}
    messages = [{"role": "user", "content": "Hi"}]
    schema = {"type": "object"}
    match place:
        case "schema":
            schema["properties"] = {"x": {"default": HOLE}}
        case "forced":
            schema["properties"] = {"x": {"const": HOLE}}
            body["tool_choice"] = {"type": "any"}
        case "input":
            call = {"type": "tool_use", "id": "a", "name": "t", "input": {"x": HOLE}}
            result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
            messages.append({"role": "assistant", "content": [call]})
            messages.append({"role": "user", "content": [result]})
        case "format":
            form = {"type": "json_schema", "schema": {"enum": [HOLE]}}
            body["output_config"] = {"format": form}
        case "content":
            messages[0]["content"] = HOLE
        case _:
            body[place] = {"x": HOLE}
    body["messages"] = messages
    body["tools"] = [{"name": "t", "input_schema": schema}]
    return json.dumps(body).replace(json.dumps(HOLE), value).encode()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_a_deep_value_is_taken_or_is_the_clients_mistake(prepare, place, opens, closes):
    outcomes = []
    for depth in DEPTHS:
        try:
            prepare(body_with(place, opens * depth + "1" + closes * depth))
            outcomes.append("taken")
        except InvalidRequestError:
            outcomes.append("refused")

    assert outcomes[-1] == "refused"
    assert outcomes == sorted(outcomes, reverse=True)  # from some depth on, all are
