"""What requests meet while the engine is gone and a new one loads the model."""

import json
import os
import signal

import pytest
from serve.gunicorn_server import post
from serve.real_server import RealServer

pytestmark = pytest.mark.slow

BODY = json.dumps(
    {
        "model": "claude-any",
        "max_tokens": 3,
        "temperature": 0,
        "stream": True,
        "messages": [{"role": "user", "content": "Count to three."}],
    }
).encode()


def test_requests_wait_with_pings_and_past_the_queue_are_told_when_to_come_again(
    tmp_path, smollm2_path
):
    with RealServer(tmp_path, smollm2_path, queue_size=2) as server:
        os.kill(server.engine_pid(), signal.SIGKILL)
        waiting = [server.connect() for _ in range(2)]
        for wire in waiting:
            wire.send(post("/v1/messages", BODY))
            wire.read_until(b"event: ping")
        with server.connect() as refused:
            refused.send(post("/v1/messages", BODY))
            status, headers, body = refused.read_answer()

        assert status == 429
        assert int(headers["retry-after"]) > 0
        assert json.loads(body)["error"]["type"] == "rate_limit_error"
        for wire in waiting:
            assert b"text_delta" in wire.read_until(b"event: message_stop")
            wire.close()
