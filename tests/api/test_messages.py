"""POST /v1/messages and count_tokens, in this process."""

from api.asgi_client import BODY
from api.scripted import INPUT_TOKENS


async def test_a_whole_answer_is_one_message(client):
    call = await client.post("/v1/messages", BODY)

    assert call.status == 200
    assert call.headers["content-type"] == "application/json"
    message = call.json()
    assert message["type"] == "message"
    assert message["content"] == [{"type": "text", "text": "Hello world"}]
    assert message["usage"]["output_tokens"] == 2


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
