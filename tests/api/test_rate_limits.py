"""What one key may use in a minute, and what its clients are told."""

import math
from datetime import UTC, datetime

import pytest
from api.asgi_client import BODY, STREAM
from api.scripted import INPUT_TOKENS

from pensieve.api.rate_limits import Bucket
from pensieve.config.schema import Settings

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"
OTHER_KEY = "Zk2xvYp9R3sLdNtb1oQ4m7w-"
ANSWER_TOKENS = 2
"""Of the script "hello"."""


class Clock:
    """Stands still until told."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_bucket_is_full_at_first_and_refills_steadily(clock):
    bucket = Bucket(60, clock)
    assert bucket.remaining == 60

    bucket.take(60)
    assert bucket.is_empty
    assert bucket.wait_s == 1
    assert bucket.full_in_s == 60

    clock.now += 1.5
    assert bucket.remaining == 1
    clock.now += 3600
    assert bucket.remaining == 60
    assert bucket.full_in_s == 0


def test_a_debt_is_paid_by_waiting(clock):
    bucket = Bucket(60, clock)
    bucket.take(160)

    assert bucket.remaining == 0
    assert bucket.wait_s == 101
    clock.now += 100.5
    assert bucket.is_empty
    clock.now += 1
    assert not bucket.is_empty


def headers_of(call, what):
    prefix = f"anthropic-ratelimit-{what}-"
    return {
        name.removeprefix(prefix): value
        for name, value in call.headers.items()
        if name.startswith(prefix)
    }


async def test_on_loopback_there_is_no_limit_and_no_header_of_one(client):
    call = await client.post("/v1/messages", BODY)

    assert call.status == 200
    assert headers_of(call, "requests") == headers_of(call, "tokens") == {}


async def test_beyond_loopback_there_are_limits(make_client):
    async with make_client(host="0.0.0.0", api_key=OWN_KEY) as client:
        call = await client.post("/v1/messages", BODY, headers={"x-api-key": OWN_KEY})

    assert headers_of(call, "requests")["limit"] == "600"
    assert headers_of(call, "tokens")["limit"] == "2000000"


async def test_they_can_be_switched_off_there(make_client):
    limits = {"requests_per_minute": 0, "tokens_per_minute": 0}
    async with make_client(host="0.0.0.0", api_key=OWN_KEY, **limits) as client:
        call = await client.post("/v1/messages", BODY, headers={"x-api-key": OWN_KEY})

    assert call.status == 200
    assert headers_of(call, "requests") == {}


async def test_each_answer_says_what_is_left_of_the_requests(make_client):
    async with make_client(requests_per_minute=3) as client:
        for left in (2, 1, 0):
            call = await client.post("/v1/messages/count_tokens", BODY)
            headers = headers_of(call, "requests")

            assert call.status == 200
            assert headers["limit"] == "3"
            assert headers["remaining"] == str(left)
            reset = datetime.fromisoformat(headers["reset"])
            assert 0 < (reset - datetime.now(UTC)).total_seconds() <= 61
            assert headers_of(call, "tokens") == {}


async def test_a_request_too_many_is_a_429_that_says_when_to_come_again(make_client):
    async with make_client(requests_per_minute=2) as client:
        for body in (BODY, STREAM):
            assert (await client.post("/v1/messages", body)).status == 200
        for body in (BODY, STREAM):
            call = await client.post("/v1/messages", body)

            assert call.status == 429
            error = call.json()["error"]
            assert error["type"] == "rate_limit_error"
            assert "requests a minute: expected at most 2" in error["message"]
            assert 1 <= int(call.headers["retry-after"]) <= 30
            assert "x-should-retry" not in call.headers
            assert headers_of(call, "requests")["remaining"] == "0"
        assert (await client.get("/v1/models")).status == 200  # is no work
        assert (await client.get("/health")).status == 200


async def test_tokens_of_prompts_and_answers_count(make_client):
    limit = INPUT_TOKENS + ANSWER_TOKENS + 100
    async with make_client(tokens_per_minute=limit) as client:
        await client.post("/v1/messages", STREAM)
        call = await client.post("/v1/messages", BODY)

        # Some drops may have come in between.
        assert 100 <= int(headers_of(call, "tokens")["remaining"]) < limit
        assert headers_of(call, "requests") == {}


async def test_tokens_that_are_used_up_are_a_429(make_client):
    async with make_client(tokens_per_minute=4) as client:
        assert (await client.post("/v1/messages", BODY)).status == 200
        call = await client.post("/v1/messages", BODY)

    assert call.status == 429
    assert "tokens a minute: expected at most 4" in call.json()["error"]["message"]
    debt = INPUT_TOKENS + ANSWER_TOKENS - 4
    assert 0 < int(call.headers["retry-after"]) <= math.ceil((debt + 1) * 60 / 4)
    assert headers_of(call, "tokens")["remaining"] == "0"


async def test_keys_do_not_share_their_limits(make_client):
    keys = {"api_key": OWN_KEY, "more_api_keys": f"ci={OTHER_KEY}"}
    async with make_client(requests_per_minute=1, **keys) as client:
        statuses = [
            (await client.post("/v1/messages", BODY, headers={"x-api-key": key})).status
            for key in (OWN_KEY, OTHER_KEY, OWN_KEY, OTHER_KEY, "wrong")
        ]

    assert statuses == [200, 200, 429, 429, 401]


async def test_a_wrong_key_uses_up_nothing(make_client):
    async with make_client(api_key=OWN_KEY, requests_per_minute=1) as client:
        for _ in range(5):
            call = await client.post("/v1/messages", BODY)
            assert call.status == 401
            assert headers_of(call, "requests") == {}
        call = await client.post("/v1/messages", BODY, headers={"x-api-key": OWN_KEY})

    assert call.status == 200


def test_the_settings_leave_loopback_unlimited():
    settings = Settings()

    assert settings.requests_per_minute == settings.tokens_per_minute == -1
