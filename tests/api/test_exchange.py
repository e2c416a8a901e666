"""What holds for every request: its limits, its end, its id, its line of log."""

import asyncio
import json
import logging
import re

import pytest
from api import conftest
from api.asgi_client import BODY, KEY, STREAM
from api.scripted import closing, opening, text

from pensieve.api import exchange


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("GET", "/nothing", 404), ("PUT", "/v1/messages", 405)],
)
async def test_every_answer_has_a_request_id_of_its_own(client, method, path, status):
    first = await client.request(method, path)
    second = await client.request(method, path)

    assert first.status == status
    assert re.fullmatch(r"req_[0-9a-f]{24}", first.headers["request-id"])
    assert first.headers["request-id"] != second.headers["request-id"]


async def test_a_body_that_is_said_to_be_too_large_is_refused_unread(client):
    body = b"x" * (conftest.MAX_BODY_BYTES + 1)

    call = await client.post("/v1/messages", body)

    assert call.status == 413
    assert call.json()["error"]["type"] == "request_too_large"
    assert call.json()["request_id"] == call.headers["request-id"]


async def test_a_body_that_turns_out_too_large_is_refused(client):
    chunks = [b"x" * 1024] * 5

    call = await client.post("/v1/messages", chunks=chunks)

    assert call.status == 413


async def test_a_body_of_just_the_largest_size_is_read(client):
    call = await client.post("/v1/messages", b" " * conftest.MAX_BODY_BYTES)

    assert call.status == 400
    assert call.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("arrives", [[], [b'{"model": "claude-hello",']])
async def test_a_body_that_breaks_off_is_never_served(client, service, arrives):
    call = await client.post("/v1/messages", chunks=[*arrives, None])

    assert call.status == 408
    assert call.json()["error"]["type"] == "timeout_error"
    assert service.pipeline.ended == []


async def test_a_body_that_takes_too_long_is_never_served(make_client, monkeypatch):
    monkeypatch.setattr(exchange, "DISCARD_S", 0.05)
    async with make_client(body_timeout_s=0.05) as client:
        call = client.begin("POST", "/v1/messages", chunks=[b"{", b"", b""])
        call._chunks.clear()  # the first receive finds nothing, and nothing comes

        await call.task

    assert call.status == 408


async def test_bodies_have_a_limit_together_and_give_their_room_back(
    client, service, monkeypatch
):
    monkeypatch.setattr("pensieve.api.body_limits.AT_ONCE", 0.1)
    waits = asyncio.Event()

    async def waiting():
        await waits.wait()
        for event in [*opening(), *closing(0)]:
            yield event

    service.pipeline.scripts["waiting"] = waiting
    body = BODY | {"model": "claude-waiting"}
    first = client.begin("POST", "/v1/messages", body)
    while not service.totals.outcomes and not service.pipeline.conversation_ids:
        await asyncio.sleep(0)
    size = len(json.dumps(body))
    refused = [await client.post("/v1/messages", b" " * (410 - size)) for _ in "ab"]
    waits.set()
    await first.task
    taken = await client.post("/v1/messages", BODY | {"model": "claude-hello"})

    assert [call.status for call in refused] == [429, 429]
    assert "bodies" in refused[0].json()["error"]["message"]
    assert refused[0].headers["retry-after"] == "2"
    assert first.status == taken.status == 200


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


async def test_a_client_that_leaves_is_noticed_when_its_body_ends_without_a_word(
    client, service
):
    async def endless():
        await asyncio.sleep(3600)
        yield

    service.pipeline.scripts["endless"] = endless
    body = json.dumps(BODY | {"model": "claude-endless"}).encode()
    headers = KEY | {"content-length": str(len(body))}

    # The server says that more may come, and then that nothing did.
    call = client.begin("POST", "/v1/messages", chunks=[body, b""], headers=headers)
    await asyncio.sleep(0.02)
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

    name, data = call.events()[-1]
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


async def test_a_request_is_one_line_of_log_without_its_content(client, caplog):
    caplog.set_level(logging.INFO, "pensieve")
    headers = {"x-api-key": "sk-ant-very-secret"}

    call = await client.post("/v1/messages?beta=true", BODY, headers=headers)

    (line,) = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(
        rf"POST /v1/messages 200 \d+ ms {call.headers['request-id']} in=7 out=2"
        r" cached=0 disk=0 queue_ms=\d+ first_token_ms=\d+ max_gap_ms=\d+"
        r" decode_tps=[\d.]+ stop=end_turn",
        line,
    )


async def test_a_streamed_request_is_logged_with_its_tokens(client, caplog):
    caplog.set_level(logging.INFO, "pensieve")

    await client.post("/v1/messages", STREAM)

    assert " in=7 out=2 " in caplog.messages[-1]


async def test_an_error_is_logged_by_its_type(client, caplog):
    caplog.set_level(logging.INFO, "pensieve")

    await client.post("/v1/messages", b"{}")

    assert caplog.messages[-1].endswith(" end=invalid_request_error")


async def test_asking_for_health_is_not_worth_a_line(client, caplog):
    caplog.set_level(logging.INFO, "pensieve")

    await client.get("/health")

    assert caplog.messages == []


async def test_a_path_cannot_forge_a_line_of_log(client, caplog):
    caplog.set_level(logging.INFO, "pensieve")

    await client.get("/x\nGET /forged 200")

    (line,) = caplog.messages
    assert "\n" not in line
