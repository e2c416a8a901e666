import json

import msgspec
import pytest
from output.byte_tokenizer import END, byte_tokenizer
from output.letter_parser import LetterParser

from pensieve.output.collector import Collector
from pensieve.output.detokenizer import Detokenizers
from pensieve.output.reply import Reply

BACKEND = byte_tokenizer()


def new_reply(*stop_sequences, **options):
    detokenizer = Detokenizers(BACKEND, {BACKEND.token_to_id(END)}).begin()
    options = {"server_tools": {"web_search"}, **options}
    return Reply("claude-test", detokenizer, LetterParser(), stop_sequences, **options)


def stream(
    text, *stop_sequences, reason="end_token", size=1, is_window_full=False, **options
):
    """Return the events of a reply to whose end `text` was sampled."""
    reply = new_reply(*stop_sequences, **options)
    events = [reply.start(10, cached_tokens=4, newly_cached_tokens=5)]
    ids = BACKEND.encode(text).ids
    for start in range(0, len(ids), size):
        if not reply.has_stopped:
            events += reply.feed(ids[start : start + size])
    events += reply.finish(reason, is_window_full)
    return [msgspec.to_builtins(event) for event in events]


def content(text, *stop_sequences, **options):
    """Return the blocks of the whole message."""
    collector = Collector()
    reply = new_reply(
        *stop_sequences, **{k: v for k, v in options.items() if k != "reason"}
    )
    collector.feed(reply.start(prompt_tokens=10, cached_tokens=4))
    for event in reply.feed(BACKEND.encode(text).ids):
        collector.feed(event)
    for event in reply.finish(options.get("reason", "end_token")):
        collector.feed(event)
    return msgspec.to_builtins(collector.finish().content)


def text_of(events):
    deltas = [each["delta"] for each in events if each["type"] == "content_block_delta"]
    return "".join(delta["text"] for delta in deltas)


def ending(events):
    return next(each for each in events if each["type"] == "message_delta")


def test_a_stream_opens_and_closes_one_block():
    types = [event["type"] for event in stream("ab")]

    assert types == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_the_start_has_every_key_of_a_message_and_the_final_counts_of_the_prompt():
    message = stream("a")[0]["message"]

    assert message["id"].startswith("msg_")
    assert message | {"id": "", "usage": {}} == {
        "id": "",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": {},
    }
    assert message["usage"]["input_tokens"] == 1
    assert message["usage"]["cache_read_input_tokens"] == 4
    assert message["usage"]["cache_creation_input_tokens"] == 5
    assert message["usage"]["output_tokens"] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_text_ends_before_a_stop_sequence_however_tokens_come(size):
    events = stream("one two STOP three", " STOP", "xyz", size=size)

    assert text_of(events) == "one two"
    assert ending(events)["delta"]["stop_reason"] == "stop_sequence"
    assert ending(events)["delta"]["stop_sequence"] == " STOP"


def test_tokens_are_counted_up_to_the_one_that_completed_a_stop_sequence():
    assert ending(stream("abcdef", "d", size=6))["usage"]["output_tokens"] == 4


def test_what_only_began_a_stop_sequence_is_text_in_the_end():
    events = stream("one ST", "STOP")

    assert text_of(events) == "one ST"
    assert ending(events)["delta"]["stop_reason"] == "end_turn"
    assert ending(events)["delta"]["stop_sequence"] is None


@pytest.mark.parametrize(
    ("finish", "stop_reason"),
    [
        ({"reason": "end_token"}, "end_turn"),
        ({"reason": "max_tokens"}, "max_tokens"),
        (
            {"reason": "max_tokens", "is_window_full": True},
            "model_context_window_exceeded",
        ),
        ({"reason": "end_token", "is_window_full": True}, "end_turn"),
    ],
)
def test_the_stop_reason_says_why(finish, stop_reason):
    assert ending(stream("ab", **finish))["delta"]["stop_reason"] == stop_reason


@pytest.mark.parametrize("text", ["", END, "STOP"])
def test_an_answer_without_text_still_has_a_block(text):
    types = [event["type"] for event in stream(text, "STOP")]

    assert types[1:3] == ["content_block_start", "content_block_stop"]


@pytest.mark.parametrize(
    ("reason", "text"), [("max_tokens", "a"), ("end_token", "a\ufffd")]
)
def test_a_character_that_the_limit_cuts_off_is_left_out(reason, text):
    reply = new_reply()
    events = reply.feed(BACKEND.encode("a\u4e2d").ids[:-1])
    events += reply.finish(reason)
    texts = [e.delta.text for e in events if hasattr(getattr(e, "delta", 0), "text")]

    assert "".join(texts) == text


def test_collected_events_make_the_message_that_was_streamed():
    reply = new_reply("!")
    collector = Collector()
    collector.feed(reply.start(prompt_tokens=10, cached_tokens=4))
    for token_id in BACKEND.encode("hello!").ids:
        for event in reply.feed([token_id]):
            collector.feed(event)
    for event in reply.finish("end_token"):
        collector.feed(event)
    message = msgspec.to_builtins(collector.finish())

    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert message["stop_reason"] == "stop_sequence"
    assert message["stop_sequence"] == "!"
    assert message["usage"]["input_tokens"] == 6
    assert message["usage"]["cache_read_input_tokens"] == 4
    assert message["usage"]["output_tokens"] == 6


def test_blocks_come_in_the_order_in_which_they_were_written():
    blocks = content('(hm)Let me.{"a":"b"}{}')

    kinds = [block["type"] for block in blocks]
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    assert blocks[0]["thinking"] == "hm"
    assert blocks[1]["text"] == "Let me."
    assert [block["input"] for block in blocks[2:]] == [{"a": "b"}, {}]
    assert blocks[2]["id"].startswith("toolu_")
    assert blocks[2]["id"] != blocks[3]["id"]


def test_blocks_are_numbered_and_do_not_overlap():
    events = stream('(a)b{"c":1}d')
    edges = [
        (event["type"].removeprefix("content_block_"), event["index"])
        for event in events
        if event["type"] in ("content_block_start", "content_block_stop")
    ]

    assert edges == [(e, i) for i in range(4) for e in ("start", "stop")]


def test_the_input_of_a_call_comes_as_it_is_written():
    deltas = [
        event["delta"]["partial_json"]
        for event in stream('{"a":"bc"}')
        if event["type"] == "content_block_delta"
    ]

    assert deltas == list('{"a":"bc"}')


def test_a_call_makes_the_stop_reason_tool_use():
    assert ending(stream("a{}"))["delta"]["stop_reason"] == "tool_use"


def test_a_signature_closes_thinking_and_no_two_are_equal():
    events = stream("(a)(b)c(d)e")
    signatures = [
        event["delta"]["signature"]
        for event in events
        if event.get("delta", {}).get("type") == "signature_delta"
    ]

    assert len(signatures) == len(set(signatures)) == 2


def test_thinking_can_be_left_out_but_for_its_signature():
    thinking, text = content("(secret)b", hides_thinking=True)

    assert thinking["thinking"] == ""
    assert thinking["signature"]
    assert text == {"type": "text", "text": "b"}
    assert "secret" not in str(stream("(secret)b", hides_thinking=True))


def test_thinking_tokens_are_counted_among_the_output_tokens():
    usage = ending(stream("(abc)de"))["usage"]

    assert usage["output_tokens"] == 7
    assert usage["output_tokens_details"]["thinking_tokens"] == 3


def test_white_space_alone_makes_no_block_beside_others():
    assert [block["type"] for block in content("\n (a)\n\n{}\n")] == [
        "thinking",
        "tool_use",
    ]


def test_white_space_before_text_is_kept():
    assert content("\n a") == [{"type": "text", "text": "\n a"}]


def test_white_space_that_is_all_of_an_answer_is_kept():
    assert content(" \n") == [{"type": "text", "text": " \n"}]


def test_an_answer_ends_after_the_calls_that_it_may_make():
    events = stream('a{"b":1}{"c":2}', max_calls=1)

    assert ending(events)["delta"]["stop_reason"] == "tool_use"
    assert content('a{"b":1}{"c":2}', max_calls=1)[1]["input"] == {"b": 1}
    assert len(content('a{"b":1}{"c":2}', max_calls=1)) == 2


def test_tokens_that_came_behind_the_end_are_not_of_the_answer():
    reply = new_reply(max_calls=1)
    reply.feed(BACKEND.encode('a{"b":1}').ids)
    num_read = reply.num_read_tokens
    assert reply.has_stopped

    together = new_reply(max_calls=1)
    together.feed(BACKEND.encode('a{"b":1}{"c":2}').ids)
    assert together.num_read_tokens == num_read


def test_a_stop_sequence_is_looked_for_in_text_only():
    blocks = content('(STOP){"a":"STOP"}b STOP c', "STOP")

    assert [block["type"] for block in blocks] == ["thinking", "tool_use", "text"]
    assert blocks[2]["text"] == "b "


def test_what_began_a_stop_sequence_before_a_call_is_text_before_the_call():
    blocks = content("a ST{}OP", "STOP")

    assert [block.get("text") for block in blocks] == ["a ST", None, "OP"]


def test_a_call_that_the_limit_cuts_short_stays_unfinished():
    events = stream('{"a":"some te', reason="max_tokens")
    parts = [
        e["delta"]["partial_json"] for e in events if "index" in e and "delta" in e
    ]

    assert "".join(parts) == '{"a":"some te'
    assert ending(events)["delta"]["stop_reason"] == "max_tokens"
    assert content('{"b":1,"a":"some te', reason="max_tokens")[0]["input"] == {"b": 1}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ('{"b":1,"a":"rm -rf /ho', {"b": 1, "a": None}),
        ('{"a":[1,{"b":', {"a": None}),
        ('{"a"', {"a": None}),
        ('{"a":{"b":"c"}', {"a": {"b": "c"}}),
        ("{", {}),
    ],
)
def test_a_call_that_the_model_leaves_unfinished_loses_what_is_cut(text, whole):
    events = stream(text)
    parts = [
        e["delta"]["partial_json"] for e in events if "index" in e and "delta" in e
    ]

    assert "".join(parts).startswith(text)
    assert json.loads("".join(parts)) == whole
    assert content(text)[0]["input"] == whole
    assert ending(events)["delta"]["stop_reason"] == "tool_use"


def test_a_web_search_is_answered_with_its_error_and_ends_the_message():
    events = stream('Look.W{"query":"x"}more')
    text, call, result = content('Look.W{"query":"x"}more')

    assert call["type"] == "server_tool_use"
    assert call["id"].startswith("srvtoolu_")
    assert call["input"] == {"query": "x"}
    assert result["tool_use_id"] == call["id"]
    assert result["content"] == {
        "type": "web_search_tool_result_error",
        "error_code": "unavailable",
    }
    assert text["text"] == "Look."
    assert ending(events)["delta"]["stop_reason"] == "end_turn"
