"""Keys: which are taken, in which headers."""

import pytest

from pensieve.config import LOCAL_TOKEN

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


async def status_with(client, headers, path="/v1/models"):
    return (await client.get(path, headers=headers)).status


@pytest.mark.parametrize("key", [LOCAL_TOKEN, "sk-ant-api03-anything"])
@pytest.mark.parametrize(
    "form",
    [
        lambda key: {"x-api-key": key},
        lambda key: {"authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer  {key}"},
    ],
    ids=["x-api-key", "bearer", "bearer-in-small-letters"],
)
async def test_on_loopback_the_local_token_and_anthropics_keys_will_do(
    client, key, form
):
    assert await status_with(client, form(key)) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "sk-other"},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {LOCAL_TOKEN}"},
        {"authorization": LOCAL_TOKEN},
        {"x-api-key": "sk-other", "authorization": f"Bearer {LOCAL_TOKEN}"},
    ],
    ids=str,
)
async def test_without_a_good_key_the_answer_is_401_and_not_to_be_retried(
    client, headers
):
    call = await client.get("/v1/models", headers=headers)

    assert call.status == 401
    assert call.headers["x-should-retry"] == "false"
    assert call.json()["error"]["type"] == "authentication_error"
    assert "sk-other" not in call.body.decode()


async def test_a_key_of_the_users_own_is_the_only_one(make_client):
    async with make_client(api_key=OWN_KEY) as client:
        assert await status_with(client, {"x-api-key": OWN_KEY}) == 200
        assert await status_with(client, {"authorization": f"Bearer {OWN_KEY}"}) == 200
        assert await status_with(client, {"x-api-key": LOCAL_TOKEN}) == 401
        assert await status_with(client, {"x-api-key": "sk-ant-anything"}) == 401
        assert await status_with(client, {"x-api-key": OWN_KEY + "x"}) == 401
        assert await status_with(client, {"x-api-key": "schlüssel"}) == 401
        assert await status_with(client, {}) == 401


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_that_the_server_is_there_is_no_secret(client, path):
    assert await status_with(client, {}, path) == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:7777", "127.0.0.1:7777", "[::1]:7777", "a.localhost"],
)
async def test_the_local_token_is_taken_under_names_of_this_machine(client, host):
    headers = {"x-api-key": LOCAL_TOKEN, "host": host}

    assert await status_with(client, headers) == 200


async def test_the_local_token_is_not_taken_from_a_page_with_a_rebound_name(client):
    headers = {"x-api-key": LOCAL_TOKEN, "host": "evil.example:7777"}

    assert await status_with(client, headers) == 401


async def test_a_key_of_the_users_own_is_taken_under_any_name(make_client):
    async with make_client(api_key=OWN_KEY) as client:
        headers = {"x-api-key": OWN_KEY, "host": "studio.local:7777"}

        assert await status_with(client, headers) == 200
