import msgspec

from pensieve.schema.message import Message, TextBlock, Usage, make_message_id


def test_a_message_has_every_key_of_the_api():
    message = Message(
        id="msg_1",
        model="m",
        content=[TextBlock("hi")],
        stop_reason="end_turn",
        usage=Usage(input_tokens=3, output_tokens=12),
    )

    assert msgspec.to_builtins(message) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 0,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": 12,
            "output_tokens_details": {"thinking_tokens": 0},
            "server_tool_use": None,
            "service_tier": "standard",
            "inference_geo": None,
        },
    }


def test_message_ids_are_told_by_their_prefix_and_never_repeat():
    ids = {make_message_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(message_id.startswith("msg_") for message_id in ids)
