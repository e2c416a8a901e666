"""The whole way on the HTTP side, with an engine that samples what the test says."""

import contextlib

import msgspec
import pytest
from scripted_sampling import ScriptedEngine, answer, request

from pensieve.errors import InvalidRequestError
from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import Outcome, Totals
from pensieve.link.messages import (
    Constraint,
    SamplingParams,
)
from pensieve.models.description import GenerationDefaults
from pensieve.models.files import describe
from pensieve.output.dialect import dialect_of
from pensieve.pipeline import Pipeline, sampling_params
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.content import ContentBlock, decode_block
from pensieve.schema.request import (
    CountTokensRequest,
    JsonOutputFormat,
    MessageParam,
)
from pensieve.schema.tools import ToolParam


@pytest.fixture(scope="module")
def description(smollm2_path):
    return describe(smollm2_path, "smollm2")


@pytest.fixture(scope="module")
def prompts(description):
    return PromptBuilder.open(description)


@pytest.fixture
def engine(prompts):
    return ScriptedEngine(prompts.tokenizer, "It is <|im_end|> blue. Very blue.")


@pytest.fixture
def pipeline(description, prompts, engine):
    dialect = dialect_of(description.chat_template, prompts.shows_tools)
    return Pipeline(description, prompts, dialect, engine)


async def test_an_answer_has_the_text_the_reason_and_the_counts(pipeline, engine):
    message = await answer(pipeline, request())

    assert message.content[0].text == "It is <|im_end|> blue. Very blue."
    assert message.stop_reason == "end_turn"
    assert message.model == "claude-x"
    assert message.usage.cache_read_input_tokens == 2
    assert message.usage.cache_creation_input_tokens == 1
    assert message.usage.cache_creation.ephemeral_5m_input_tokens == 1
    assert message.usage.prompt_tokens == len(engine.submitted[0])


async def test_the_engine_is_told_where_tools_and_system_end(pipeline, engine):
    await answer(pipeline, request("One, two.", system="Be short."))
    prompt, head_size = engine.submitted[0], engine.head_size
    await answer(pipeline, request("Three.", system="Be short."))

    assert 0 < head_size == engine.head_size < len(prompt)
    assert engine.submitted[0][:head_size] == prompt[:head_size]


async def test_the_figures_of_a_request_are_what_became_of_it(pipeline, engine):
    totals = Totals()
    figures = RequestFigures(totals)
    prepared = await pipeline.prepare(request())

    message = await pipeline.answer(prepared, figures=figures)
    figures.ended()

    size, out = len(engine.submitted[0]), message.usage.output_tokens
    assert str(figures).startswith(f"in={size} out={out} cached=2 disk=0 queue_ms=")
    assert str(figures).endswith(" stop=end_turn")
    assert totals.sampled_tokens == out
    assert totals.memory_tokens == 2
    assert totals.computed_tokens == totals.prefilled_tokens == size - 2
    assert totals.outcomes == {Outcome("end_turn", "live"): 1}


async def test_the_figures_have_what_broke_the_conversations_prefix(pipeline):
    first, second = RequestFigures(), RequestFigures(totals := Totals())
    await pipeline.prepare(request("One, two."), "session", first)
    await pipeline.prepare(request("One, three."), "session", second)
    second.ended()

    broken = totals.history.ended[0].broken_prefix
    assert broken.field == "messages.0"
    assert 0 < broken.at_token < broken.earlier_tokens


async def test_count_tokens_says_what_the_engine_is_given(pipeline, engine):
    asked = request("One, two.", system="Be short.")
    await answer(pipeline, asked)
    counted = CountTokensRequest(
        model="x", messages=asked.messages, system=asked.system
    )

    assert pipeline.count_tokens(counted) == len(engine.submitted[0])


async def test_a_stop_sequence_ends_the_work(pipeline, engine):
    message = await answer(pipeline, request(stop_sequences=["blue"]))

    assert message.content[0].text == "It is <|im_end|> "
    assert message.stop_reason == "stop_sequence"
    assert message.stop_sequence == "blue"
    assert engine.num_left == 1


async def test_closing_the_stream_leaves_the_sequence(pipeline, engine):
    prepared = await pipeline.prepare(request())
    async with contextlib.aclosing(pipeline.stream(prepared)) as events:
        assert (await anext(events)).message.id.startswith("msg_")
        assert engine.num_left == 0

    assert engine.num_left == 1


async def test_max_tokens_is_kept_within_the_window(pipeline, engine, description):
    await answer(pipeline, request(max_tokens=128_000))
    prompt, max_tokens, end_token_ids, _ = engine.submitted

    assert len(prompt) + max_tokens == description.context_length
    assert end_token_ids == description.end_token_ids


async def test_a_prompt_over_the_window_is_refused_in_the_words_clients_know(
    pipeline, engine
):
    with pytest.raises(
        InvalidRequestError, match=r"^prompt is too long: \d{5} tokens > 8191 maximum$"
    ):
        await answer(pipeline, request("word " * 10_000))
    assert engine.submitted is None


async def test_an_answer_that_the_client_began_goes_on_with_its_space(pipeline):
    begun = [MessageParam("user", "Why?"), MessageParam("assistant", "Because")]
    message = await answer(pipeline, request(messages=begun))

    assert message.content[0].text.startswith("It is")


def test_sampling_is_the_requests_then_the_models_then_the_apis():
    defaults = GenerationDefaults(temperature=0.2, top_k=20, top_p=0.9, min_p=0.1)

    asked = sampling_params(request(temperature=0.5, top_k=0, top_p=0.0), defaults)
    assert (asked.temperature, asked.top_k, asked.top_p, asked.min_p) == (
        0.5,
        0,
        1e-6,
        0.1,
    )
    modelled = sampling_params(request(), defaults)
    assert (modelled.temperature, modelled.top_k, modelled.top_p) == (0.2, 20, 0.9)
    penalised = GenerationDefaults(
        repetition_penalty=1.05, presence_penalty=1.5, frequency_penalty=-0.5
    )
    modelled = sampling_params(request(temperature=0), penalised)
    assert modelled.repetition_penalty == 1.05
    assert (modelled.presence_penalty, modelled.frequency_penalty) == (1.5, -0.5)
    plain = sampling_params(request(), GenerationDefaults())
    assert plain == SamplingParams(seed=plain.seed)


def test_a_top_k_beyond_any_vocabulary_keeps_all_tokens():
    asked = sampling_params(request(top_k=1 << 70), GenerationDefaults())

    assert asked.top_k == 1 << 20


def test_each_request_has_a_seed_of_its_own():
    seeds = {sampling_params(request(), GenerationDefaults()).seed for _ in range(50)}

    assert len(seeds) == 50


@pytest.mark.parametrize(
    ("conversation_id", "shares_with"),
    [("session", "session"), ("session/agent", "session"), ("", "")],
)
async def test_sub_agents_share_their_sessions_part_of_the_machine(
    pipeline, engine, conversation_id, shares_with
):
    prepared = await pipeline.prepare(request(), conversation_id)

    await pipeline.answer(prepared)

    assert engine.conversation_id == shares_with


async def test_a_prompt_can_be_read_without_an_answer(pipeline, engine):
    message = await answer(pipeline, request(max_tokens=0))

    assert engine.submitted[1] == 1  # an engine prefills what it samples from
    assert message.usage.output_tokens == 0
    assert message.stop_reason == "max_tokens"
    assert message.content[0].text == ""


async def test_an_answer_that_comes_back_is_the_ids_that_were_sampled_and_kept_to_there(
    pipeline, engine
):
    first = await answer(pipeline, request())
    prompt = engine.submitted[0]
    text = first.content[0].text
    messages = [
        MessageParam("user", "Why?"),
        MessageParam("assistant", text),
        MessageParam("user", "And then?"),
    ]
    await answer(pipeline, request(messages=messages))

    earlier = prompt + engine.sampled
    assert engine.submitted[0][: len(earlier)] == earlier
    assert engine.keep_sizes == [len(earlier)]


async def test_an_answer_cut_at_a_stop_sequence_is_not_remembered_whole(
    pipeline, engine
):
    cut = await answer(pipeline, request(stop_sequences=["blue"]))
    prompt = engine.submitted[0]
    messages = [
        MessageParam("user", "Why?"),
        MessageParam("assistant", cut.content[0].text.rstrip()),
        MessageParam("user", "And then?"),
    ]
    await answer(pipeline, request(messages=messages))

    earlier = prompt + engine.sampled
    assert engine.submitted[0][: len(earlier)] != earlier


async def test_the_model_is_shown_what_became_of_a_web_search(description, prompts):
    engine = ScriptedEngine(
        prompts.tokenizer, '<function=web_search>{"query": "rain"}</function>'
    )
    dialect = dialect_of(description.chat_template, prompts.shows_tools)
    pipeline = Pipeline(description, prompts, dialect, engine)
    tools = [ToolParam("web_search", "web_search_20250305")]
    searched = await answer(pipeline, request(tools=tools))
    content = [
        decode_block(ContentBlock, msgspec.to_builtins(block))
        for block in searched.content
    ]
    messages = [
        MessageParam("user", "Why?"),
        MessageParam("assistant", content),
        MessageParam("user", "And then?"),
    ]
    await answer(pipeline, request(messages=messages, tools=tools))

    backend = prompts.tokenizer.backend
    shown = backend.decode(engine.submitted[0], skip_special_tokens=False)
    assert "[The tool web_search failed: unavailable]" in shown


async def test_what_a_request_demands_of_its_answer_binds_the_engine(pipeline, engine):
    schema = {"type": "object", "additionalProperties": False}
    await answer(pipeline, request())
    assert engine.constraint == Constraint()

    asked = request(output_format=JsonOutputFormat("json_schema", schema))
    await answer(pipeline, asked)
    assert engine.constraint.grammar
