"""Startup, shutdown, and the errors of the routes."""

import os

import msgspec
import pytest
from api.asgi_client import Client

from pensieve import __version__
from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.config.schema import Settings
from pensieve.errors import ModelError


async def test_shutdown_closes_the_engines_client(make_client, service):
    async with make_client():
        assert not service.engine.is_closed

    assert service.engine.is_closed


async def test_a_model_that_cannot_be_opened_fails_the_startup_with_its_reason():
    async def open_service():
        raise ModelError("smollm2: expected a pulled model, got none")

    client = Client(App(Settings(), open_service, Pace()))
    await client.start()

    (message,) = client.lifespan
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"] == "smollm2: expected a pulled model, got none"


async def test_an_unknown_route_is_not_found(client):
    call = await client.get("/v1/nothing")

    assert call.status == 404
    assert call.json() == {
        "type": "error",
        "error": {
            "type": "not_found_error",
            "message": "GET /v1/nothing: 404 Not Found",
        },
        "request_id": call.headers["request-id"],
    }


async def test_an_unknown_method_is_refused_with_those_that_are_known(client):
    call = await client.request("DELETE", "/v1/messages")

    assert call.status == 405
    assert "POST" in call.headers["allow"]
    assert call.json()["error"]["type"] == "invalid_request_error"


async def test_a_bug_is_an_api_error_that_tells_nothing(client, service, caplog):
    def broken(request):
        raise ZeroDivisionError("secret detail")

    service.pipeline.count_tokens = broken
    body = {"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]}

    call = await client.post("/v1/messages/count_tokens", body)

    assert call.status == 500
    assert call.json()["error"]["type"] == "api_error"
    assert "secret detail" not in call.body.decode()
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("ready", 200),
        ("unloaded", 200),
        ("starting", 503),
        ("loading", 503),
        ("failed", 503),
    ],
)
async def test_health_is_that_of_the_engine(client, service, status, expected):
    state = msgspec.structs.replace(service.engine.state, status=status)
    service.engine.state = state

    call = await client.get("/health", headers={})

    assert call.status == expected
    health = call.json()
    assert health.pop("uptime_s") >= 0
    (model,) = health.pop("models")
    assert model.pop("unused_s") >= 0
    assert model == {
        "name": "scripted",
        "context_length": 2048,
        "engine": health["engine"],
    }
    assert health == {
        "status": status,
        "message": "in memory",
        "version": __version__,
        "pid": os.getpid(),
        "model": "scripted",
        "context_length": 2048,
        "engine": msgspec.to_builtins(state),
        "requests": msgspec.to_builtins(service.totals.summary()),
        "memory": msgspec.to_builtins(service.engine.memory()),
        "aliases": {},
    }
