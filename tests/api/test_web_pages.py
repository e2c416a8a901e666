"""`Host` and `Origin`: which names and pages are let in, and what CORS says of it."""

import pytest
from api.asgi_client import BODY, KEY

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"
PATHS = ["/", "/health", "/metrics", "/v1/models", "/v1/nothing", "/../etc/passwd"]
PAGE = "https://app.example"


async def refused(client, headers, path="/v1/models", method="GET"):
    """Return whether a request is refused as a page's."""
    call = await client.request(method, path, headers=KEY | headers)
    if call.status != 403:
        return False
    assert call.json()["error"]["type"] == "permission_error"
    assert call.headers["x-should-retry"] == "false"
    assert not [name for name in call.headers if name.startswith("access-control")]
    return True


# ----- Host -----


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:7777", "LocalHost.:7777", "127.0.0.1:7777"),
        *("127.8.8.8", "[::1]:7777", "[::1]", "a.localhost"),
    ],
)
async def test_names_of_this_machine_are_taken(client, host):
    assert not await refused(client, {"host": host})


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example:7777", "127.0.0.1.evil.example", "localhost.evil.example"),
        *("evillocalhost", "0.0.0.0:7777", "192.168.1.4:7777", "[::2]", "127.1"),
        *("localhost@evil.example", "evil.example:127.0.0.1", "[", "::1"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
async def test_a_rebound_name_gets_nothing_at_all(client, host, path):
    assert await refused(client, {"host": host}, path)


async def test_a_rebound_name_gets_nothing_with_a_key_either(make_client):
    async with make_client(api_key=OWN_KEY) as client:
        assert await refused(client, {"host": "evil.example", "x-api-key": OWN_KEY})


async def test_a_request_must_say_for_which_host_it_is(client):
    call = await client.get("/v1/models", headers=KEY | {"host": ""})

    assert call.status == 400
    assert call.json()["error"]["type"] == "invalid_request_error"


async def test_more_names_can_be_allowed(make_client):
    names = "studio.local, Pensieve.example"
    async with make_client(api_key=OWN_KEY, allowed_hosts=names) as client:
        for name in ("studio.local:7777", "pensieve.example", "localhost"):
            assert not await refused(client, {"host": name})
        assert await refused(client, {"host": "other.local"})
        assert await refused(client, {"host": "x.studio.local"})


async def test_any_name_can_be_allowed(make_client):
    async with make_client(allowed_hosts="*") as client:
        assert not await refused(client, {"host": "other.local"})


async def test_beyond_loopback_addresses_and_the_servers_own_name_are_taken(
    make_client,
):
    async with make_client(host="studio.local", api_key=OWN_KEY) as client:
        for name in ("studio.local:7777", "192.168.1.4:7777", "[fe80::1]:7777"):
            assert not await refused(client, {"host": name})
        assert await refused(client, {"host": "evil.example"})


# ----- Origin -----


@pytest.mark.parametrize(
    "origin",
    [
        *(PAGE, "http://localhost:3000", "http://127.0.0.1", "null", "", "x"),
        *("vscode-webview://abc", "http://127.0.0.1:7777.evil.example", "http://["),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
async def test_no_page_may_use_the_server(client, origin, method):
    assert await refused(client, {"origin": origin}, "/v1/messages", method)


@pytest.mark.parametrize("path", PATHS)
async def test_no_page_may_use_any_part_of_it(client, path):
    assert await refused(client, {"origin": PAGE}, path)


async def test_a_page_is_refused_before_its_request_is_looked_at(client, service):
    call = await client.post("/v1/messages", BODY, headers=KEY | {"origin": PAGE})

    assert call.status == 403
    assert service.pipeline.ended == []


async def test_a_preflight_is_refused_and_says_nothing_of_cors(client):
    asks = {"origin": PAGE, "access-control-request-method": "POST"}

    assert await refused(client, asks, "/v1/messages", "OPTIONS")


async def test_the_servers_own_pages_may_use_it(client):
    own = {"host": "localhost:7777", "origin": "http://localhost:7777"}
    call = await client.get("/v1/models", headers=KEY | own)

    assert call.status == 200
    assert "access-control-allow-origin" not in call.headers


async def test_a_program_that_is_no_browser_sends_no_origin_and_gets_no_cors(client):
    call = await client.get("/v1/models")

    assert call.status == 200
    assert not [name for name in call.headers if name.startswith("access-control")]


# ----- CORS -----


@pytest.fixture
async def cors(make_client):
    async with make_client(allowed_origins=f"{PAGE}, http://[::1]:3000") as client:
        yield client


async def test_an_allowed_page_gets_an_answer_that_it_may_read(cors):
    call = await cors.get("/v1/models", headers=KEY | {"origin": PAGE})

    assert call.status == 200
    assert call.headers["access-control-allow-origin"] == PAGE
    assert call.headers["vary"] == "origin"
    assert "request-id" in call.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in call.headers


async def test_an_allowed_page_may_read_errors_too(cors):
    for path, headers, status in (
        ("/v1/models", {}, 401),
        ("/v1/nothing", KEY, 404),
    ):
        call = await cors.get(path, headers=headers | {"origin": PAGE})

        assert call.status == status
        assert call.headers["access-control-allow-origin"] == PAGE


async def test_a_preflight_of_an_allowed_page_is_answered_without_a_key(cors):
    asks = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key,content-type",
        "access-control-request-private-network": "true",
    }
    for path in ("/v1/messages", "/v1/nothing"):
        call = await cors.request("OPTIONS", path, headers=asks)

        assert call.status == 204
        assert call.body == b""
        assert call.headers["access-control-allow-origin"] == PAGE
        assert "POST" in call.headers["access-control-allow-methods"]
        allowed = call.headers["access-control-allow-headers"]
        assert allowed == "x-api-key,content-type"
        assert call.headers["access-control-allow-private-network"] == "true"
        assert call.headers["access-control-max-age"] == "600"


@pytest.mark.parametrize(
    "origin", ["https://other.example", "http://app.example", f"{PAGE}:444", "null"]
)
async def test_other_pages_stay_refused(cors, origin):
    assert await refused(cors, {"origin": origin})


@pytest.mark.parametrize(
    ("allowed", "origin", "is_refused"),
    [
        ("*", PAGE, False),
        ("*", "null", True),
        ("null", "null", False),
        ("null", PAGE, True),
        ("*,null", "null", False),
    ],
)
async def test_null_is_allowed_by_its_name_only(
    make_client, allowed, origin, is_refused
):
    async with make_client(allowed_origins=allowed) as client:
        assert await refused(client, {"origin": origin}) == is_refused


async def test_an_allowed_page_still_needs_a_name_that_is_allowed(cors):
    assert await refused(cors, {"origin": PAGE, "host": "evil.example"})
