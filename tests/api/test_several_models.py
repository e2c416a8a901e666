"""Requests for several models over HTTP: engines in use, and what is refused."""

import asyncio

import pytest
from api.asgi_client import BODY, STREAM, Client
from api.scripted import ScriptedPipeline, ScriptedService, closing, opening, text
from hosting.scripted_host import LEFT_MB, PROCESSES_MB, Host

from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.config.schema import Settings

SIZES = {"main": 0, "small": 100, "large": 900}
MEMORY_MB = 100 + 2 * PROCESSES_MB + LEFT_MB


async def short():
    for event in [*opening(), text("yes"), *closing(1)]:
        yield event


class Service(ScriptedService):
    """The scripted service, over models whose engines come and go."""

    def __init__(self, host):
        super().__init__({})
        self.models = host.models


@pytest.fixture
def scripts():
    """Return what each model answers, by its name."""
    return {"main": short, "small": short}


@pytest.fixture
def host(scripts, own_home):
    pipeline = ScriptedPipeline(scripts)
    return Host(SIZES, MEMORY_MB, open_pipeline=lambda: pipeline)


@pytest.fixture
async def client(host):
    async def open_service():
        await host.models.start()
        return Service(host)

    app = App(Settings(), open_service, Pace(grace_s=0.05, ping_s=0.05))
    async with Client(app) as client:
        yield client


async def test_a_request_has_the_engine_of_the_model_that_it_names(client, host):
    calls = [
        await client.post("/v1/messages", BODY | {"model": name, "stream": stream})
        for name, stream in (("main", True), ("small", False), ("small", True))
    ]

    assert [call.status for call in calls] == [200] * 3
    assert host.loaded() == "mainsmall"
    assert host.engines["small"].num_starts == 1


async def test_counting_tokens_needs_no_engine(client, host):
    call = await client.post("/v1/messages/count_tokens", BODY | {"model": "large"})

    assert call.status == 200
    assert host.loaded() == "main"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_what_does_not_fit_is_an_http_error_with_numbers(client, stream):
    body = BODY | {"model": "large", "stream": stream}

    call = await client.post("/v1/messages", body)

    assert call.status == 529
    error = call.json()["error"]
    assert error["type"] == "overloaded_error"
    assert error["message"].startswith("large: expected 1.26 GB of free memory for")
    assert "got 1.47 GB (machine)" in error["message"]
    assert "loaded beside it: main (model.keep)" in error["message"]


@pytest.mark.parametrize("leaves", [False, True], ids=["reads it all", "leaves"])
async def test_the_engine_stays_until_the_stream_has_ended(
    client, host, scripts, leaves
):
    may_end = asyncio.Event()

    async def waiting():
        for event in opening():
            yield event
        await may_end.wait()
        for event in closing(1):
            yield event

    scripts["small"] = waiting
    small = host.models.named("small")
    call = client.begin("POST", "/v1/messages", STREAM | {"model": "small"})
    await call.pieces_until(1)
    assert small.num_requests == 1

    if leaves:
        call.leave()
    else:
        may_end.set()
    await asyncio.wait_for(call.task, 5)

    assert small.num_requests == 0


async def test_streams_of_an_engine_that_is_being_ended_wait_for_the_next(client, host):
    await client.post("/v1/messages", BODY | {"model": "small"})
    small = host.engines["small"]
    small.may_end.clear()
    ending = asyncio.create_task(host.models.named("small").end())
    await asyncio.sleep(0)
    call = client.begin("POST", "/v1/messages", STREAM | {"model": "small"})
    await asyncio.sleep(0.02)
    assert call.status is None

    small.may_end.set()
    await asyncio.gather(ending, asyncio.wait_for(call.task, 5))

    assert call.status == 200
    assert call.events()[-1][0] == "message_stop"
    assert (small.num_starts, small.num_ends) == (2, 1)


async def test_health_tells_each_models_engine(client, host):
    health = (await client.get("/health")).json()

    states = [(each["name"], each["engine"]["status"]) for each in health["models"]]
    assert states == [
        ("main", "ready"),
        ("small", "unloaded"),
        ("large", "unloaded"),
    ]
    assert (health["status"], health["model"]) == ("ready", "main")


async def test_figures_tell_each_models_engine_too(client, host):
    report = (await client.get("/v1/pensieve/figures")).json()

    states = [(each["name"], each["status"]) for each in report["models"]]
    assert states == [("main", "ready"), ("small", "unloaded"), ("large", "unloaded")]
