"""What is in the log of a real server, and what never is."""

import json

import pytest
from serve.gunicorn_server import message_request

pytestmark = pytest.mark.slow

OWN_KEY = "q7V-secret-Tn2xvYp9R3sLdNtb1oQ4m7w"
SECRET = "a private question"


def request(key=OWN_KEY, content=SECRET, model="claude-hello", **more):
    """Return the bytes of a request that asks what is private."""
    body = {
        "model": model,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": content}],
        **more,
    }
    body = json.dumps(body).encode()
    lines = ["POST /v1/messages HTTP/1.1", "Host: localhost", f"X-Api-Key: {key}"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def send_all(server):
    """Send what is right, wrong and no HTTP; return the statuses."""
    statuses = []
    for piece in (
        request(),
        request(key=OWN_KEY[:-1]),
        request(thinking={"type": SECRET}),
        request(temperature=SECRET),
        request(model="no-such-script"),
        request(model="claude-no-such-script"),  # breaks in the application
        f"{SECRET} {OWN_KEY} HTTP/1.1\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\n{SECRET}({OWN_KEY}): x\r\n\r\n".encode(),
    ):
        with server.connect() as wire:
            wire.send(piece)
            statuses.append(wire.read_answer()[0])
    return statuses


def test_neither_prompts_nor_keys_are_in_the_log_however_much_it_says(start):
    with start(api_key=OWN_KEY, log_level="debug") as server:
        statuses = send_all(server)

        assert statuses == [200, 401, 400, 400, 404, 500, 400, 400]
        assert "POST /v1/messages 200" in server.log
        assert "refused: 400" in server.log
        assert "KeyError" in server.log  # the failure is told, by place and type
        assert SECRET not in server.log
        assert OWN_KEY[:-1] not in server.log
        assert "'no-such-script'" not in server.log  # what the KeyError says


def test_prompts_are_in_the_log_where_they_are_wanted_and_only_in_marked_lines(start):
    with start(api_key=OWN_KEY, log_prompts="true") as server:
        send_all(server)

        told = [line for line in server.log.splitlines() if SECRET in line]
        assert told
        assert all("PROMPT TEXT: req_" in line for line in told)
        assert OWN_KEY[:-1] not in server.log


def test_a_path_cannot_write_lines_of_its_own(start):
    with start() as server, server.connect() as wire:
        forged = message_request("hello").replace(
            b"/v1/messages", b"/v1/x%0aERROR%20forged%1b[31m"
        )
        wire.send(forged)

        assert wire.read_answer()[0] == 404
        server.wait_for_log("POST /v1/x%0AERROR%20forged%1B%5B31m 404")
