"""POST /v1/messages and count_tokens, in this process."""

import asyncio
import json

import pytest
from api.scripted import INPUT_TOKENS, opening, text

from pensieve.errors import InvalidRequestError, RateLimitError

BODY = {
    "model": "claude-hello",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hi"}],
}
STREAM = BODY | {"stream": True}


def events_of(body):
    """Return the stream's events as (name, data); every event has both lines."""
    frames = body.decode().split("\n\n")
    assert frames.pop() == ""
    pairs = [frame.split("\n") for frame in frames]
    assert all(
        name.startswith("event: ") and data.startswith("data: ") for name, data in pairs
    )
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in pairs
    ]


async def test_a_whole_answer_is_one_message(client):
    call = await client.post("/v1/messages", BODY)

    assert call.status == 200
    assert call.headers["content-type"] == "application/json"
    message = call.json()
    assert message["type"] == "message"
    assert message["content"] == [{"type": "text", "text": "Hello world"}]
    assert message["usage"]["output_tokens"] == 2


async def test_a_streamed_answer_follows_the_grammar(client):
    call = await client.post("/v1/messages?beta=true", STREAM)

    assert call.status == 200
    assert call.headers["content-type"] == "text/event-stream"
    assert call.headers["cache-control"] == "no-cache"
    events = events_of(call.body)
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(name == data["type"] for name, data in events)
    assert events[2][1] == {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hello"},
    }


async def test_events_that_are_ready_together_are_one_write(client):
    call = await client.post("/v1/messages", STREAM)

    assert len(call.pieces) == 1


async def test_events_leave_as_they_come(client, service):
    step = asyncio.Event()

    async def stepwise():
        for event in opening():
            yield event
        await step.wait()
        yield text("later")

    service.pipeline.scripts["stepwise"] = stepwise

    call = client.begin("POST", "/v1/messages", STREAM | {"model": "claude-stepwise"})
    await call.pieces_until(1)
    assert events_of(call.pieces[0])[0][0] == "message_start"
    step.set()
    await call.task

    assert "later" in call.pieces[-1].decode()
    assert call.is_complete


async def test_a_refusal_before_the_first_event_is_an_http_error(client, service):
    async def refused():
        raise RateLimitError("the queue is full", retry_after_s=3)
        yield

    service.pipeline.scripts["refused"] = refused

    call = await client.post("/v1/messages", STREAM | {"model": "claude-refused"})

    assert call.status == 429
    assert call.headers["retry-after"] == "3"
    assert call.headers["content-type"] == "application/json"
    assert call.json()["error"] == {
        "type": "rate_limit_error",
        "message": "the queue is full",
    }


async def test_a_slow_admission_starts_the_stream_with_a_ping(client, service):
    async def late():
        await asyncio.sleep(0.12)
        for event in opening():
            yield event

    service.pipeline.scripts["late"] = late

    call = await client.post("/v1/messages", STREAM | {"model": "claude-late"})

    names = [name for name, _ in events_of(call.body)]
    assert names[:2] == ["ping", "ping"]
    assert names[-2:] == ["message_start", "content_block_start"]
    assert events_of(call.pieces[0]) == [("ping", {"type": "ping"})]


async def test_a_refusal_after_the_grace_is_an_error_event(client, service):
    async def refused_late():
        await asyncio.sleep(0.1)
        raise InvalidRequestError("prompt is too long: 9 tokens > 8 maximum")
        yield

    service.pipeline.scripts["refused-late"] = refused_late

    call = await client.post("/v1/messages", STREAM | {"model": "claude-refused-late"})

    assert call.status == 200
    assert events_of(call.body)[-1] == (
        "error",
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 9 tokens > 8 maximum",
            },
            "request_id": call.headers["request-id"],
        },
    )


async def test_silence_in_the_middle_is_filled_with_pings(client, service):
    async def pausing():
        for event in opening():
            yield event
        await asyncio.sleep(0.12)
        yield text("after")

    service.pipeline.scripts["pausing"] = pausing

    call = await client.post("/v1/messages", STREAM | {"model": "claude-pausing"})

    names = [name for name, _ in events_of(call.body)]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "ping",
        "content_block_delta",
    ]


async def test_a_bug_in_mid_stream_is_an_error_event_and_a_clean_end(
    client, service, caplog
):
    async def broken():
        for event in opening():
            yield event
        raise ZeroDivisionError("secret detail")

    service.pipeline.scripts["broken"] = broken

    call = await client.post("/v1/messages", STREAM | {"model": "claude-broken"})

    name, data = events_of(call.body)[-1]
    assert (name, data["error"]["type"]) == ("error", "api_error")
    assert "secret detail" not in call.body.decode()
    assert "secret detail" in caplog.text
    assert call.is_complete


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_that_leaves_during_prefill_ends_the_work(
    client, service, stream
):
    async def endless():
        await asyncio.sleep(3600)
        yield

    service.pipeline.scripts["endless"] = endless

    call = client.begin(
        "POST", "/v1/messages", STREAM | {"model": "claude-endless", "stream": stream}
    )
    await asyncio.sleep(0.02)
    assert service.pipeline.ended == []
    call.leave()
    await asyncio.wait_for(call.task, 1)

    assert service.pipeline.ended == ["endless!"]


async def test_a_client_that_leaves_between_two_tokens_ends_the_work(client, service):
    async def ticking():
        for event in opening():
            yield event
        while True:
            yield text("x")
            await asyncio.sleep(0.01)

    service.pipeline.scripts["ticking"] = ticking

    call = client.begin("POST", "/v1/messages", STREAM | {"model": "claude-ticking"})
    await call.pieces_until(3)
    call.leave()
    await asyncio.wait_for(call.task, 1)

    assert service.pipeline.ended == ["ticking!"]
    assert not call.is_complete


async def test_a_server_that_stops_ends_streams_with_an_error_event(client, service):
    async def ticking():
        for event in opening():
            yield event
        await asyncio.sleep(3600)

    service.pipeline.scripts["ticking"] = ticking
    client.state["must_end"] = asyncio.Event()

    call = client.begin("POST", "/v1/messages", STREAM | {"model": "claude-ticking"})
    await call.pieces_until(1)
    client.state["must_end"].set()
    await asyncio.wait_for(call.task, 1)

    name, data = events_of(call.body)[-1]
    assert (name, data["error"]["type"]) == ("error", "overloaded_error")
    assert call.is_complete
    assert service.pipeline.ended == ["ticking!"]


async def test_a_server_that_stops_refuses_whole_answers(client, service):
    async def endless():
        await asyncio.sleep(3600)
        yield

    service.pipeline.scripts["endless"] = endless
    client.state["must_end"] = asyncio.Event()

    call = client.begin("POST", "/v1/messages", BODY | {"model": "claude-endless"})
    await asyncio.sleep(0.02)
    client.state["must_end"].set()
    await asyncio.wait_for(call.task, 1)

    assert call.status == 529
    assert call.json()["error"]["type"] == "overloaded_error"


async def test_a_model_that_is_not_served_is_not_found(client):
    call = await client.post("/v1/messages", BODY | {"model": "qwen3"})

    assert call.status == 404
    assert call.json()["error"]["type"] == "not_found_error"


async def test_a_request_that_the_schema_refuses_is_a_400(client):
    call = await client.post("/v1/messages", BODY | {"max_tokens": "many"})

    assert call.status == 400
    assert call.json()["error"]["type"] == "invalid_request_error"
    assert "max_tokens" in call.json()["error"]["message"]


async def test_tokens_are_counted(client):
    body = {name: BODY[name] for name in ("model", "messages")}

    call = await client.post("/v1/messages/count_tokens?beta=true", body)

    assert call.status == 200
    assert call.json() == {"input_tokens": INPUT_TOKENS}


async def test_counting_for_a_model_that_is_not_served_is_not_found(client):
    body = {"model": "qwen3", "messages": BODY["messages"]}

    assert (await client.post("/v1/messages/count_tokens", body)).status == 404
