import json

import pytest

from pensieve.errors import InvalidRequestError
from pensieve.schema.bodies import decode_count_request, decode_request
from pensieve.schema.cache_control import CacheControl
from pensieve.schema.content import (
    DocumentBlock,
    DocumentSource,
    ImageBlock,
    ImageSource,
    OtherBlock,
    TextBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
)

VALID = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 8,
}


def body(**fields) -> bytes:
    """A valid body with these fields instead; None leaves a field out."""
    merged = {**VALID, **fields}
    return json.dumps({k: v for k, v in merged.items() if v is not None}).encode()


def with_blocks(*blocks) -> bytes:
    return body(messages=[{"role": "user", "content": list(blocks)}])


def blocks_of(request_body: bytes):
    return decode_request(request_body).messages[0].content


def refusal(request_body: bytes) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        decode_request(request_body)
    return str(caught.value)


def test_the_least_that_is_needed():
    request = decode_request(body())

    assert (request.model, request.max_tokens) == ("m", 8)
    assert request.messages[0].role == "user"
    assert request.messages[0].content == "hi"
    assert request.temperature is None
    assert request.stop_sequences is None


def test_fields_that_nobody_knows_are_ignored():
    request = decode_request(
        body(
            safeguards=[{"type": "dangerous_tool_use"}],
            context_management={"edits": []},
            output_config={"effort": "medium"},
            messages=[{"role": "user", "content": "hi", "clear_at": "never"}],
        )
    )

    assert request.messages[0].content == "hi"


def test_null_is_the_same_as_absent():
    fields = ["system", "tools", "tool_choice", "thinking", "temperature", "top_p"]
    fields += ["top_k", "stop_sequences", "stream", "metadata"]

    request = decode_request(json.dumps(VALID | dict.fromkeys(fields)).encode())

    assert request == decode_request(body())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"model": None}, "model: Field required"),
        ({"messages": None}, "messages: Field required"),
        (
            {"max_tokens": "9"},
            "max_tokens: Input should be a valid integer, got string",
        ),
        (
            {"max_tokens": 1.5},
            "max_tokens: Input should be a valid integer, got number",
        ),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"top_p": -0.1}, "top_p: Input should be greater than or equal to 0"),
        ({"top_k": -1}, "top_k: Input should be greater than or equal to 0"),
        ({"messages": []}, "messages: Input should have at least 1 items"),
        (
            {"messages": [{"role": "user"}]},
            "messages.0.content: Field required",
        ),
        (
            {"messages": [{"role": "bot", "content": ""}]},
            "messages.0.role: Input should be 'user', 'assistant' or 'system',"
            " got 'bot'",
        ),
        (
            {"thinking": {"type": "sometimes"}},
            "thinking.type: Input should be 'enabled', 'disabled', 'adaptive' or"
            " 'between_tools', got 'sometimes'",
        ),
        (
            {"tool_choice": {"type": "one"}},
            "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none',"
            " got 'one'",
        ),
        (
            {"output_config": {"effort": "most"}},
            "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or"
            " 'max', got 'most'",
        ),
        (
            {"output_config": {"format": {"type": "yaml", "schema": {}}}},
            "output_config.format.type: Input should be 'json_schema', got 'yaml'",
        ),
        (
            {"output_format": {"type": "yaml", "schema": {}}},
            "output_format.type: Input should be 'json_schema', got 'yaml'",
        ),
        (
            {"messages": [VALID["messages"][0], {"role": "user", "content": 3}]},
            "messages.1.content: Input should be a valid string or array, got integer",
        ),
        (
            {"stop_sequences": ["a", 1]},
            "stop_sequences.1: Input should be a valid string, got integer",
        ),
        (
            {"stop_sequences": ["a", " \n"]},
            "stop_sequences.1: must contain more than whitespace",
        ),
        ({"tools": {}}, "tools: Input should be a valid array, got object"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean, got string"),
    ],
)
def test_a_wrong_field_is_named_with_its_path(fields, message):
    assert refusal(body(**fields)) == message


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"text": "a"}, "messages.0.content.1.type: Field required"),
        (
            {"type": 1},
            "messages.0.content.1.type: Input should be a valid string, got integer",
        ),
        ({"type": "text"}, "messages.0.content.1.text: Field required"),
        (
            {"type": "text", "text": 7},
            "messages.0.content.1.text: Input should be a valid string, got integer",
        ),
        (7, "messages.0.content.1: Input should be a valid object, got integer"),
        (
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "text", "text": None}],
            },
            "messages.0.content.1.content.0.text:"
            " Input should be a valid string, got null",
        ),
    ],
)
def test_a_wrong_block_is_named_with_its_path(block, message):
    first = {"type": "text", "text": "a"}

    assert refusal(with_blocks(first, block)) == message


def test_blocks_keep_what_makes_the_prompt():
    blocks = blocks_of(
        with_blocks(
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "image", "source": {"type": "url", "url": "http://x"}},
            {"type": "document", "source": {"type": "text", "data": "d"}, "title": "t"},
        )
    )

    assert blocks == [
        TextBlock("a", cache_control=CacheControl("ephemeral")),
        ImageBlock(ImageSource("url")),
        DocumentBlock(DocumentSource(type="text", data="d"), title="t"),
    ]


def test_calls_and_results_keep_what_makes_the_prompt():
    call = {"type": "tool_use", "id": "1", "name": "n", "input": {}, "caller": None}
    result = {
        "type": "tool_result",
        "tool_use_id": "1",
        "content": [{"type": "tool_reference", "tool_name": "n"}],
        "is_error": True,
    }

    request = decode_request(
        body(
            messages=[
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [result]},
            ]
        )
    )

    assert [message.content for message in request.messages] == [
        [ToolUseBlock(id="1", name="n", input={})],
        [ToolResultBlock("1", content=[ToolReferenceBlock("n")], is_error=True)],
    ]


def test_blocks_of_unknown_type_pass_whatever_they_hold():
    assert blocks_of(with_blocks({"type": "novel", "text": {"deep": [1]}})) == [
        OtherBlock("novel")
    ]


def test_a_system_message_may_have_an_empty_list_or_no_content():
    request = decode_request(
        body(
            messages=[
                {"role": "user", "content": "hi"},
                {"role": "system", "content": []},
                {"role": "system", "output_config": {"effort": "low"}},
            ]
        )
    )

    assert [message.content for message in request.messages] == ["hi", [], None]


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        (b"", "Input data was truncated"),
        (b'{"model": "m"', "Input data was truncated"),
        (b'{"model": \xff"}', "JSON is malformed"),
        (b'{"model": "\xff"}', "can't decode byte 0xff"),
        (body() + b" x", "trailing characters"),
        (b'{"model": "\\ud800 and more"}', "surrogate"),
        (b'{"tools":[' + b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_said_to_be_so(request_body, reason):
    message = refusal(request_body)

    assert message.startswith("The request body is not valid JSON: ")
    assert reason in message


def test_blocks_nested_too_deeply_are_refused():
    nested = b'{"type":"tool_result","tool_use_id":"t","content":['
    start = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":['

    assert "nested too deeply" in refusal(start + nested * 50_000 + b"]}" * 50_000)


def test_json_that_is_no_object_is_refused():
    assert refusal(b"[]") == "request body: Input should be a valid object, got array"


def test_no_tokens_may_be_asked_for_to_have_a_prompt_cached():
    assert decode_request(body(max_tokens=0)).max_tokens == 0


def test_counting_needs_no_max_tokens():
    request = decode_count_request(body(max_tokens=None, tools=[]))

    assert request.tools == []


def test_counting_refuses_what_messages_refuses():
    with pytest.raises(InvalidRequestError, match=r"messages\.0\.content: Field"):
        decode_count_request(body(max_tokens=None, messages=[{"role": "user"}]))
