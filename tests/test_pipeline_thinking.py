"""Thinking on the HTTP side, with an engine that samples what the test says."""

import pytest
from scripted_sampling import ScriptedEngine, answer, request

from pensieve.models.files import describe
from pensieve.output.dialect import dialect_of
from pensieve.pipeline import Pipeline
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.content import ToolResultBlock
from pensieve.schema.content import ToolUseBlock as ToolUse
from pensieve.schema.request import (
    MessageParam,
    ThinkingConfig,
)
from pensieve.schema.tools import ToolParam


@pytest.fixture(scope="module")
def thinker(tiny_model_path):
    """The description and the prompts of a model that thinks."""
    description = describe(tiny_model_path, "tiny")
    return description, PromptBuilder.open(description)


@pytest.fixture
def thinking_engine(thinker):
    return ScriptedEngine(thinker[1].tokenizer, "<think>\nHm.\n</think>\n\nYes.")


@pytest.fixture
def thinking(thinker, thinking_engine):
    description, prompts = thinker
    dialect = dialect_of(description.chat_template, prompts.shows_tools)
    return Pipeline(description, prompts, dialect, thinking_engine)


async def test_thinking_is_a_block_with_a_signature(thinking):
    thought, text = (await answer(thinking, request())).content

    assert thought.thinking == "Hm."
    assert thought.signature
    assert text.text == "Yes."


async def test_a_call_that_was_cut_is_known_without_its_input(thinker):
    description, prompts = thinker
    engine = ScriptedEngine(
        prompts.tokenizer, '<tool_call>\n{"name": "f", "arguments": {"a": 1, "b": 2'
    )
    dialect = dialect_of(description.chat_template, prompts.shows_tools)
    pipeline = Pipeline(description, prompts, dialect, engine)
    tools = [ToolParam(name="f", input_schema={"type": "object"})]
    size = len(engine.script)
    cut = await answer(pipeline, request(max_tokens=size, tools=tools))
    call = cut.content[-1]
    prompt, sampled = engine.submitted[0], engine.sampled
    assert (cut.stop_reason, call.input) == ("max_tokens", {"a": 1})

    messages = [
        MessageParam("user", "Why?"),
        MessageParam("assistant", [ToolUse(call.id, "f", {})]),
        MessageParam("user", [ToolResultBlock(call.id, "It could not be read.")]),
    ]
    await answer(pipeline, request(tools=tools, messages=messages))
    assert engine.submitted[0][: len(prompt) + size] == prompt + sampled


async def test_a_budget_limits_thinking(thinking, thinking_engine, thinker):
    config = ThinkingConfig("enabled", budget_tokens=1024)
    await answer(thinking, request(max_tokens=2000, thinking=config))
    limit = thinking_engine.constraint.thinking_limit

    assert limit.max_tokens == 1024
    assert not limit.is_open
    backend = thinker[1].tokenizer.backend
    written = [
        backend.decode(token_ids, skip_special_tokens=False)
        for token_ids in (
            limit.open_token_ids,
            limit.close_token_ids,
            limit.closing_token_ids,
        )
    ]
    assert written == ["<think>", "</think>", "\n</think>\n\n"]


async def test_a_budget_beyond_the_window_is_the_window(thinking, thinking_engine):
    config = ThinkingConfig("enabled", budget_tokens=1 << 80)
    await answer(thinking, request(max_tokens=1 << 90, thinking=config))

    assert thinking_engine.constraint.thinking_limit.max_tokens == 131_072


@pytest.mark.parametrize("kind", ["adaptive", "disabled"])
async def test_only_enabled_thinking_has_a_budget(thinking, thinking_engine, kind):
    await answer(thinking, request(thinking=ThinkingConfig(kind, budget_tokens=-5)))

    assert thinking_engine.constraint.thinking_limit is None


async def test_thinking_without_a_budget_has_no_limit(thinking, thinking_engine):
    await answer(thinking, request(thinking=ThinkingConfig("adaptive")))

    assert thinking_engine.constraint.thinking_limit is None
