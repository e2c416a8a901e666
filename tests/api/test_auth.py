"""Keys: which are taken, in which headers."""

import pytest

from pensieve.keys import LOCAL_TOKEN

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


MORE_KEYS = "ci=Zk2xvYp9R3sLdNtb1oQ4m7w-,laptop=p9R3sLdNtb1oQ4m7w-Zk2xvY=="


async def test_each_of_several_keys_is_taken(make_client):
    async with make_client(api_key=OWN_KEY, more_api_keys=MORE_KEYS) as client:
        for key in (OWN_KEY, *(e.partition("=")[2] for e in MORE_KEYS.split(","))):
            assert await status_with(client, {"x-api-key": key}) == 200
            assert await status_with(client, {"x-api-key": key[:-1]}) == 401
        assert await status_with(client, {"x-api-key": "ci"}) == 401
        assert await status_with(client, {"x-api-key": MORE_KEYS}) == 401


async def test_with_several_keys_the_log_names_the_one_that_was_used(
    make_client, caplog
):
    caplog.set_level("INFO", "pensieve")
    async with make_client(api_key=OWN_KEY, more_api_keys=MORE_KEYS) as client:
        key = MORE_KEYS.partition("=")[2].partition(",")[0]
        await status_with(client, {"x-api-key": key})

    assert "GET /v1/models 200" in caplog.text
    assert "key=ci" in caplog.text
    assert key not in caplog.text


async def test_all_keys_are_compared_whole_and_in_constant_time(
    make_client, monkeypatch
):
    compared = []

    def compare_digest(first, second):
        compared.append((first, second))
        return first == second

    monkeypatch.setattr("pensieve.api.auth.hmac.compare_digest", compare_digest)
    async with make_client(api_key=OWN_KEY, more_api_keys=MORE_KEYS) as client:
        assert await status_with(client, {"x-api-key": OWN_KEY}) == 200

    assert len(compared) == 3
    assert {len(each) for pair in compared for each in pair} == {32}
