"""Streams: the grammar, the pings, and failures on the way."""

import asyncio

from api.asgi_client import STREAM, events_of
from api.scripted import opening, text

from pensieve.errors import InvalidRequestError, RateLimitError


async def test_a_streamed_answer_follows_the_grammar(client):
    call = await client.post("/v1/messages?beta=true", STREAM)

    assert call.status == 200
    assert call.headers["content-type"] == "text/event-stream"
    assert call.headers["cache-control"] == "no-cache"
    events = call.events()
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

    names = [name for name, _ in call.events()]
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
    assert call.events()[-1] == (
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

    names = [name for name, _ in call.events()]
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

    name, data = call.events()[-1]
    assert (name, data["error"]["type"]) == ("error", "api_error")
    assert "secret detail" not in call.body.decode()
    assert "secret detail" in caplog.text
    assert call.is_complete
