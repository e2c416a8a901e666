"""GET /v1/models and /v1/models/{id}."""

import pytest
from api.asgi_client import Client
from api.scripted import ScriptedService

from pensieve.api.app import App
from pensieve.api.event_stream import Pace
from pensieve.api.models import ModelInfo, page_of
from pensieve.config.schema import Settings
from pensieve.errors import InvalidRequestError

MODELS = [ModelInfo(name, name, "2026-01-01T00:00:00Z", 1, 1) for name in "abcde"]


def ids(page):
    return "".join(model.id for model in page.data)


async def test_the_loaded_model_is_listed(client):
    call = await client.get("/v1/models?limit=1000")

    assert call.status == 200
    assert call.json() == {
        "data": [
            {
                "type": "model",
                "id": "scripted",
                "display_name": "scripted",
                "created_at": "2026-01-02T03:04:05Z",
                "lifecycle": "active",
                "max_input_tokens": 2048,
                "max_tokens": 2048,
            }
        ],
        "has_more": False,
        "first_id": "scripted",
        "last_id": "scripted",
    }


@pytest.mark.parametrize("limit", ["0", "1001", "ten"])
async def test_a_limit_outside_the_apis_is_refused(client, limit):
    call = await client.get(f"/v1/models?limit={limit}")

    assert call.status == 400
    assert call.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("name", ["scripted", "claude-opus-5-5"])
async def test_a_name_that_the_model_answers_to_gets_the_models_own_id(client, name):
    call = await client.get(f"/v1/models/{name}")

    assert call.status == 200
    assert call.json()["id"] == "scripted"


def client_of(*names, **aliases):
    """Return a client of a server that has these models."""

    async def open_service():
        return ScriptedService({}, names, aliases)

    return Client(App(Settings(), open_service, Pace()))


async def test_a_name_may_have_slashes_and_colons():
    name = "org/model:part"
    async with client_of(name) as client:
        call = await client.get(f"/v1/models/{name}")

    assert (call.status, call.json()["id"]) == (200, name)


async def test_all_models_are_listed_and_found_by_all_of_their_names():
    async with client_of("big", "small", **{"claude-haiku-*": "small"}) as client:
        listed = (await client.get("/v1/models")).json()["data"]
        found = [
            (await client.get(f"/v1/models/{name}")).json()["id"]
            for name in ("big", "small", "claude-haiku-5-5", "claude-opus-5-5")
        ]
        call = await client.get("/v1/models/medium")

    assert [model["id"] for model in listed] == ["big", "small"]
    assert found == ["big", "small", "small", "big"]
    assert call.status == 404


@pytest.mark.parametrize("name", ["other", "m/with:slash"])
async def test_another_name_is_not_found(client, name):
    call = await client.get(f"/v1/models/{name}")

    assert call.status == 404
    assert call.json()["error"]["type"] == "not_found_error"
    assert name in call.json()["error"]["message"]


def test_pages_forward_meet_each_model_once():
    first = page_of(MODELS, limit=2)
    second = page_of(MODELS, limit=2, after_id=first.last_id)
    third = page_of(MODELS, limit=2, after_id=second.last_id)

    assert [ids(first), ids(second), ids(third)] == ["ab", "cd", "e"]
    assert [p.has_more for p in (first, second, third)] == [True, True, False]


def test_pages_backward_meet_each_model_once():
    first = page_of(MODELS, limit=2, before_id="e")
    second = page_of(MODELS, limit=2, before_id=first.first_id)

    assert [ids(first), ids(second)] == ["cd", "ab"]
    assert [first.has_more, second.has_more] == [True, False]


def test_an_empty_page_has_no_ids():
    page = page_of(MODELS, limit=2, after_id="e")

    assert (page.data, page.first_id, page.last_id) == ([], None, None)


def test_an_unknown_place_to_start_is_refused():
    with pytest.raises(InvalidRequestError, match="after_id"):
        page_of(MODELS, limit=2, after_id="x")


def test_two_places_to_start_are_refused():
    with pytest.raises(InvalidRequestError, match="before_id"):
        page_of(MODELS, limit=2, after_id="a", before_id="b")
