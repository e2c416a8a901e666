"""Limits on connections, over real sockets."""

import json
import re
import time

import pytest
from serve.gunicorn_server import PATIENCE_S, message_request, post

pytestmark = pytest.mark.slow

LONG_FIELD = b"A: " + b"x" * 8000 + b"\r\n"


def assert_api_error(answer, status, kind):
    got, headers, body = answer
    assert got == status
    assert headers["content-type"] == "application/json"
    assert re.fullmatch("req_[0-9a-f]{24}", headers["request-id"])
    error = json.loads(body)
    assert error["type"] == "error"
    assert error["error"]["type"] == kind
    assert error["request_id"] == headers["request-id"]


def test_two_requests_share_a_connection(server):
    with server.connect() as wire:
        for _ in range(2):
            wire.send(message_request("hello", stream=False))
            status, _, body = wire.read_answer()
            assert status == 200
            assert json.loads(body)["content"][0]["text"] == "Hello world"


def test_pipelined_requests_are_answered_in_order(server):
    with server.connect() as wire:
        wire.send(message_request("hello", stream=False) + post("/nothing", b""))

        assert wire.read_answer()[0] == 200
        assert wire.read_answer()[0] == 404


def test_requests_go_on_after_a_refused_one(server):
    with server.connect() as wire:
        wire.send(post("/v1/messages", b"{}") + message_request("hello", stream=False))

        assert wire.read_answer()[0] == 400
        assert wire.read_answer()[0] == 200


@pytest.mark.parametrize("head", [b"", b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_in_time_is_a_408(server, head):
    with server.connect() as wire:
        wire.send(head)

        assert_api_error(wire.read_answer(), 408, "timeout_error")
        assert wire.read_all() == b""


def test_the_head_of_a_later_request_must_come_in_time_too(server):
    with server.connect() as wire:
        wire.send(post("/nothing", b""))
        assert wire.read_answer()[0] == 404
        time.sleep(1)  # idle for twice the time that a head may take
        wire.send(b"GET / HTTP/1.1\r\n")

        assert_api_error(wire.read_answer(), 408, "timeout_error")


def test_a_head_in_small_pieces_is_read(server):
    request = message_request("hello", stream=False)
    with server.connect() as wire:
        for start in range(0, len(request), 40):
            wire.send(request[start : start + 40])
            time.sleep(0.01)

        assert wire.read_answer()[0] == 200


def test_connections_beyond_those_that_are_answered_are_turned_away(server):
    held = [server.ask("endless") for _ in range(4)]
    for wire in held:
        wire.read_until(b"message_start")
    with server.connect() as wire:
        wire.send(message_request("hello", stream=False))
        refusal = wire.read_answer()
    for wire in held:
        wire.close()

    assert_api_error(refusal, 503, "overloaded_error")
    assert refusal[1]["retry-after"] == "1"
    deadline = time.monotonic() + PATIENCE_S
    status = 503
    while (
        status == 503 and time.monotonic() < deadline
    ):  # until the server sees them go
        with server.connect() as wire:
            wire.send(message_request("hello", stream=False))
            status = wire.read_answer()[0]
    assert status == 200


def test_a_kept_connection_makes_way_for_a_new_one(server):
    held = [server.connect() for _ in range(4)]
    for wire in held:
        wire.send(post("/nothing", b""))
        assert wire.read_answer()[0] == 404
    with server.connect() as wire:
        wire.send(message_request("hello", stream=False))
        assert wire.read_answer()[0] == 200

    assert held[0].read_all() == b""
    held[1].send(message_request("hello", stream=False))
    assert held[1].read_answer()[0] == 200
    for wire in held:
        wire.close()


def test_a_silent_connection_makes_way_and_is_told_so(server):
    held = [server.connect() for _ in range(5)]

    assert_api_error(held[0].read_answer(), 503, "overloaded_error")
    assert held[0].read_all() == b""
    held[4].send(message_request("hello", stream=False))
    assert held[4].read_answer()[0] == 200
    for wire in held:
        wire.close()


def test_a_slow_body_makes_way_and_is_told_so(server):
    held = [server.connect() for _ in range(4)]
    for wire in held:
        wire.send(message_request("hello", stream=False)[:-1])
    for _ in range(2):
        with server.connect() as wire:
            wire.send(message_request("hello", stream=False))
            assert wire.read_answer()[0] == 200

    assert_api_error(held[0].read_answer(), 408, "timeout_error")
    assert held[0].read_all() == b""
    held[3].send(b"}")
    assert held[3].read_answer()[0] == 200
    for wire in held:
        wire.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: x\r\n" * 200 + b"\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000), 400),
        (b"GET / HTTP/1.1\r\n" + LONG_FIELD * 20 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + LONG_FIELD * 20, 431),
    ],
    ids=[
        *("long-line", "long-header", "many-headers", "no-http", "no-length"),
        *("endless-length", "long-head", "long-head-without-an-end"),
    ],
)
def test_a_request_that_is_no_http_is_refused_in_the_apis_words(
    server, request_bytes, status
):
    with server.connect() as wire:
        wire.send(request_bytes)

        assert_api_error(wire.read_answer(), status, "invalid_request_error")


def test_a_head_that_is_too_large_is_answered_although_it_is_all_sent(server):
    with server.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\n" + b"A: x\r\n" * 3_000_000 + b"\r\n")

        assert_api_error(wire.read_answer(), 431, "invalid_request_error")


def test_a_body_that_is_too_large_is_answered_although_it_is_all_sent(server):
    with server.connect() as wire:
        wire.send(post("/v1/messages", b"x" * (4 << 20)))

        assert_api_error(wire.read_answer(), 413, "request_too_large")


def test_a_body_of_unsaid_length_is_limited(server):
    head = post("/v1/messages", b"").replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    with server.connect() as wire:
        wire.send(head)
        for _ in range(20):
            wire.send(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        wire.send(b"0\r\n\r\n")

        assert_api_error(wire.read_answer(), 413, "request_too_large")


def test_a_body_in_tiny_pieces_is_refused(server):
    head = post("/v1/messages", b"").replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    with server.connect() as wire:
        wire.send(head + b"1\r\n{\r\n" * 5000)

        assert_api_error(wire.read_answer(), 400, "invalid_request_error")


def test_a_request_without_a_key_is_answered_although_its_body_is_unread(server):
    request = post("/v1/messages", b"x" * 60000).replace(b"X-Api-Key", b"X-No-Key")
    with server.connect() as wire:
        for _ in range(2):  # and the connection goes on
            wire.send(request)
            assert_api_error(wire.read_answer(), 401, "authentication_error")


def test_a_body_that_breaks_off_is_not_served(server):
    before = server.log.count("script hello")
    with server.connect() as wire:
        wire.send(message_request("hello", stream=False)[:-1])
    server.wait_for_log("POST /v1/messages 408")

    assert server.log.count("script hello") == before


def test_a_client_that_asks_before_it_sends_a_body_is_told_to_go_on(server):
    head, _, body = message_request("hello", stream=False).partition(b"\r\n\r\n")
    with server.connect() as wire:
        wire.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert wire.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.received = b""
        wire.send(body)

        assert wire.read_answer()[0] == 200


def test_a_client_that_asks_before_it_sends_too_much_is_spared_the_sending(server):
    head = post("/v1/messages", b"").replace(b"Length: 0", b"Length: 999999")
    with server.connect() as wire:
        wire.send(head[:-2] + b"Expect: 100-continue\r\n\r\n")

        assert_api_error(wire.read_answer(), 413, "request_too_large")


def test_an_upgrade_to_a_websocket_is_refused(server):
    fields = ["Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    fields += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + "A" * 22 + "=="]
    with server.connect() as wire:
        wire.send("\r\n".join(["GET / HTTP/1.1", *fields, "", ""]).encode())

        assert wire.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 403")


def test_a_client_that_stops_reading_is_cut_off(start):
    hasty = start("-k", "serve.hasty_worker.HastyWorker")
    with hasty as server, server.ask("flood") as wire:
        wire.read_until(b"message_start")

        server.wait_for_log("script flood! ended")
        server.wait_for_log(r"POST /v1/messages 499 .*end=client_left")
