"""GET /metrics, read as Prometheus reads it."""

import asyncio
import platform
import re

import pytest
from api.asgi_client import BODY, STREAM, Client
from api.scripted import INPUT_TOKENS, ScriptedService, opening, text
from prometheus_client.parser import text_string_to_metric_families

from pensieve import __version__
from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.config.schema import Settings

OWN_KEY = "a-key-of-the-user's-own"
UNITS = ("_seconds", "_bytes", "_total", "_per_second", "_tokens")


async def families(client, **kwargs):
    """Return what is scraped, by name."""
    call = await client.get("/metrics", **kwargs)
    assert call.status == 200
    assert call.headers["content-type"].startswith("text/plain")
    parsed = text_string_to_metric_families(call.body.decode())
    return {family.name: family for family in parsed}


async def samples(client):
    """Return the values that are scraped, by name and labels in order of names."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in (await families(client)).values()
        for sample in family.samples
    }


async def test_all_figures_are_there_before_the_first_request(client):
    scraped = await samples(client)

    assert scraped["pensieve_build_info", platform.python_version(), __version__] == 1
    assert scraped["pensieve_model_info", "scripted"] == 1
    assert scraped["pensieve_uptime_seconds",] >= 0
    assert scraped["pensieve_engine_status", "ready"] == 1
    assert scraped["pensieve_engine_status", "failed"] == 0
    assert scraped["pensieve_engine_memory_bytes",] == 1 << 20
    assert scraped["pensieve_engine_restarts_total",] == 1
    assert scraped["pensieve_requests", "running"] == 3
    assert scraped["pensieve_requests", "waiting"] == 2
    assert scraped["pensieve_unread_tokens",] == 90
    assert scraped["pensieve_model_engine_status", "scripted", "ready"] == 1
    assert scraped["pensieve_model_engine_status", "scripted", "unloaded"] == 0
    assert scraped["pensieve_model_engine_memory_bytes", "scripted"] == 1 << 20
    assert scraped["pensieve_model_requests", "scripted", "running"] == 3
    assert scraped["pensieve_memory_state", "caution"] == 1
    assert scraped["pensieve_memory_state", "safe"] == 0
    assert scraped["pensieve_memory_free_bytes",] == 70
    assert scraped["pensieve_prefix_cache_bytes", "memory"] == 10
    assert scraped["pensieve_prefix_cache_budget_bytes", "disk"] == 50
    assert scraped["pensieve_sampled_tokens_total",] == 0
    assert scraped["pensieve_time_to_first_token_seconds_count",] == 0


async def test_names_and_histograms_are_as_prometheus_wants_them(client):
    await client.post("/v1/messages", BODY)

    for name, family in (await families(client)).items():
        assert re.fullmatch(r"pensieve_[a-z_]+", name)
        assert family.documentation.endswith(".")
        if family.type != "histogram":
            continue
        assert name.endswith(UNITS)
        buckets = [s for s in family.samples if s.name == f"{name}_bucket"]
        (count,) = [s.value for s in family.samples if s.name == f"{name}_count"]
        values = [bucket.value for bucket in buckets]
        assert values == sorted(values)
        assert buckets[-1].labels == {"le": "+Inf"}
        assert values[-1] == count


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "streamed"])
async def test_a_request_is_counted_with_its_tokens(client, body):
    await client.post("/v1/messages", body)

    scraped = await samples(client)
    assert scraped["pensieve_requests_ended_total", "live", "end_turn"] == 1
    assert scraped["pensieve_prompt_tokens_total", "computed"] == INPUT_TOKENS
    assert scraped["pensieve_prompt_tokens_total", "memory"] == 0
    assert scraped["pensieve_prefilled_tokens_total",] == INPUT_TOKENS
    assert scraped["pensieve_sampled_tokens_total",] == 2
    assert scraped["pensieve_queue_seconds_count",] == 1
    assert scraped["pensieve_time_to_first_token_seconds_count",] == 1
    assert scraped["pensieve_inter_token_seconds_count",] == 1


async def test_a_client_that_leaves_is_counted(client, service):
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

    scraped = await samples(client)
    assert scraped["pensieve_requests_ended_total", "live", "client_left"] == 1
    assert scraped["pensieve_sampled_tokens_total",] >= 2


@pytest.mark.parametrize(
    ("body", "headers", "outcome"),
    [
        (b"{}", None, "invalid_request_error"),
        (BODY, {}, "authentication_error"),
        (BODY | {"model": "other"}, None, "not_found_error"),
        (b"x" * 5000, None, "request_too_large"),
    ],
)
async def test_a_refusal_is_counted_by_its_type(client, body, headers, outcome):
    await client.post("/v1/messages", body, headers=headers)

    scraped = await samples(client)
    assert scraped["pensieve_requests_ended_total", "live", outcome] == 1


async def test_only_messages_are_counted(client):
    await client.get("/v1/messages")
    await client.post("/v1/messages/count_tokens", BODY)
    await client.get("/health")

    names = {name for name, *_ in await samples(client)}
    assert "pensieve_requests_ended_total" not in names


async def test_without_a_key_of_ones_own_none_is_needed(client):
    await families(client, headers={})


async def test_with_a_key_of_ones_own_it_is_needed(make_client):
    async with make_client(api_key=OWN_KEY) as client:
        refused = await client.get("/metrics", headers={})
        assert refused.status == 401

        await families(client, headers={"authorization": f"Bearer {OWN_KEY}"})


async def test_switched_off_there_is_nothing(make_client):
    async with make_client(metrics=False) as client:
        call = await client.get("/metrics")

    assert call.status == 404
    assert call.json()["error"]["type"] == "not_found_error"


async def test_two_applications_have_figures_of_their_own(client):
    async def open_service():
        return ScriptedService({})

    await client.post("/v1/messages", BODY)
    async with Client(App(Settings(), open_service, Pace())) as other:
        first, second = await samples(client), await samples(other)

    assert first["pensieve_sampled_tokens_total",] == 2
    assert second["pensieve_sampled_tokens_total",] == 0


async def test_asking_for_figures_is_not_worth_a_line(client, caplog):
    caplog.set_level("INFO", "pensieve")

    await client.get("/metrics")

    assert caplog.messages == []
