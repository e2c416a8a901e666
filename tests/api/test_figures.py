"""GET /v1/pensieve/figures: its shape, who may ask, and that no text is in it."""

import asyncio

import msgspec
import pytest
from api.asgi_client import BODY, STREAM
from api.scripted import INPUT_TOKENS, closing, opening, text

from pensieve import __version__
from pensieve.figures.history import BrokenPrefix
from pensieve.figures.report import PATH, CacheTier, Report, ServedModel

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


async def report(client, **kwargs) -> Report:
    call = await client.get(PATH, **kwargs)
    assert call.status == 200
    assert call.headers["content-type"] == "application/json"
    assert call.headers["cache-control"] == "no-store"
    return msgspec.json.decode(call.body, type=Report)


async def test_before_the_first_request_all_of_the_server_is_there(client, service):
    now = await report(client)

    assert now.at > 1e9
    assert now.server.version == __version__
    assert now.server.uptime_s >= 0
    assert now.models == [
        ServedModel(
            name="scripted",
            context_length=2048,
            status="ready",
            message="in memory",
            restarts=1,
            engine_memory_bytes=1 << 20,
            running=3,
            waiting=2,
            cache=[CacheTier("memory", 10, 40, 4), CacheTier("disk", 20, 50, 5)],
        )
    ]
    assert now.memory == service.engine.memory()
    assert now.totals == service.totals.summary()
    assert now.running == now.ended == now.first_tokens == now.gaps == []


async def test_an_engine_that_has_not_told_of_its_cache_has_no_tiers(client, service):
    service.engine.state = msgspec.structs.replace(
        service.engine.state, status="loading", cache={}
    )

    (model,) = (await report(client)).models
    assert (model.status, model.cache) == ("loading", [])


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "streamed"])
async def test_a_request_is_there_when_it_has_ended(client, service, body):
    service.pipeline.broken_prefix = BrokenPrefix("tools", 3, 5)
    call = await client.post("/v1/messages", body)

    now = await report(client)
    (ended,) = now.ended
    assert ended.id == call.headers["request-id"]
    assert (ended.model, ended.kind, ended.status) == ("scripted", "live", 200)
    assert ended.outcome == "end_turn"
    assert (ended.memory_tokens, ended.disk_tokens) == (0, 0)
    assert ended.computed_tokens == INPUT_TOKENS
    assert ended.output_tokens == 2
    assert ended.first_token_s is not None
    assert ended.broken_prefix == BrokenPrefix("tools", 3, 5)
    assert [point.computed_tokens for point in now.first_tokens] == [INPUT_TOKENS]
    assert len(now.gaps) == 1
    assert now.totals.answered == 1


async def test_a_request_under_way_is_shown_and_gone_when_its_client_leaves(
    client, service
):
    async def ticking():
        for event in opening():
            yield event
        while True:
            yield text("x")
            await asyncio.sleep(0.01)

    service.pipeline.scripts["ticking"] = ticking
    call = client.begin("POST", "/v1/messages", STREAM | {"model": "claude-ticking"})
    await call.pieces_until(3)
    (running,) = (await report(client)).running
    call.leave()
    await asyncio.wait_for(call.task, 1)
    now = await report(client)

    assert running.id == call.headers["request-id"]
    assert (running.model, running.stage) == ("scripted", "decode")
    assert running.prompt_tokens == INPUT_TOKENS
    assert running.output_tokens >= 1
    assert now.running == []
    assert (now.ended[0].outcome, now.ended[0].status) == ("client_left", 499)


async def test_the_newest_comes_first(client):
    calls = [await client.post("/v1/messages", BODY) for _ in range(3)]

    ids = [ended.id for ended in (await report(client)).ended]
    assert ids == [call.headers["request-id"] for call in reversed(calls)]


async def test_a_refused_request_is_there_once_it_has_found_its_model(client):
    await client.post("/v1/messages", BODY | {"model": "other"})
    await client.post("/v1/messages", BODY, headers={})

    now = await report(client)
    assert now.ended == []
    assert now.totals.failed == 2


async def test_no_text_of_prompts_or_answers_is_in_it(client, service):
    async def talking():
        for event in [*opening(), text("a private answer"), *closing(1)]:
            yield event

    service.pipeline.scripts["talking"] = talking
    await client.post("/v1/messages", STREAM | {"model": "claude-talking"})

    call = await client.get(PATH)
    assert b"private" not in call.body
    assert b"claude-talking" not in call.body


async def test_the_local_key_is_needed_where_there_is_no_other(client):
    refused = await client.get(PATH, headers={})

    assert refused.status == 401


async def test_with_a_key_of_ones_own_that_one_is_needed(make_client):
    async with make_client(api_key=OWN_KEY) as client:
        assert (await client.get(PATH)).status == 401
        assert (await client.get(PATH, headers={})).status == 401

        await report(client, headers={"x-api-key": OWN_KEY})


async def test_asking_is_not_worth_a_line_and_is_no_request_of_its_own(client, caplog):
    caplog.set_level("INFO", "pensieve")

    await report(client)
    now = await report(client)

    assert caplog.messages == []
    assert now.running == now.ended == []
