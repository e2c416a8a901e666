import msgspec
import pytest
from output.byte_tokenizer import END, byte_tokenizer

from pensieve.output.collector import Collector
from pensieve.output.detokenizer import Detokenizer
from pensieve.output.reply import Reply
from pensieve.output.stop_sequences import StopSequences

BACKEND = byte_tokenizer()


def new_reply(*stop_sequences):
    detokenizer = Detokenizer(BACKEND, {BACKEND.token_to_id(END)})
    return Reply("claude-test", detokenizer, StopSequences(stop_sequences))


def stream(text, *stop_sequences, reason="end_token", size=1, **finish):
    """Return the events of a reply to whose end `text` was sampled."""
    reply = new_reply(*stop_sequences)
    events = [reply.start(prompt_tokens=10, cached_tokens=4)]
    ids = BACKEND.encode(text).ids
    for start in range(0, len(ids), size):
        if not reply.has_stopped:
            events += reply.feed(ids[start : start + size])
    events += reply.finish(reason, **finish)
    return [msgspec.to_builtins(event) for event in events]


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
    assert message["usage"]["input_tokens"] == 6
    assert message["usage"]["cache_read_input_tokens"] == 4
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


def test_a_character_cut_off_by_the_limit_is_a_replacement_character():
    reply = new_reply()
    events = reply.feed(BACKEND.encode("a\u4e2d").ids[:-1])
    events += reply.finish("max_tokens")
    texts = [e.delta.text for e in events if hasattr(getattr(e, "delta", 0), "text")]

    assert "".join(texts) == "a\ufffd"


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
