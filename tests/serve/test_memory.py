"""States of memory over HTTP: reached by thresholds far above what the machine has."""

import json
import os
import re
import resource
import sys

import psutil
import pytest
from serve.gunicorn_server import post
from serve.real_server import RealServer, is_running

pytestmark = pytest.mark.slow

MB = 1 << 20
STATES = ["caution", "warning", "critical", "emergency"]
BEYOND = {state: 1 << (45 - i) for i, state in enumerate(STATES)}
"""More than any machine has, and descending."""


def thresholds(state):
    """Return the settings with which memory is in this state, and stays there."""
    reached = STATES[: STATES.index(state) + 1] if state in STATES else []
    return {
        f"memory_{each}_bytes": BEYOND[each] if each in reached else 0
        for each in STATES
    }


def ask(server, text="Hello", max_tokens=3):
    """Return the status, the headers and the body of an answer."""
    request = {
        "model": "claude-any",
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": text}],
    }
    with server.connect() as wire:
        wire.send(post("/v1/messages", json.dumps(request).encode()))
        status, headers, body = wire.read_answer()
        return status, headers, json.loads(body)


def is_kept(server):
    """Whether a second request of the same prompt finds it in the cache."""
    text = "Say this again. " * 5
    ask(server, text)
    return ask(server, text)[2]["usage"]["cache_read_input_tokens"] > 0


@pytest.mark.parametrize(
    ("state", "keeps"), [("safe", True), ("caution", False), ("warning", False)]
)
def test_in_the_milder_states_requests_are_answered(
    tmp_path, tiny_model_path, state, keeps
):
    with RealServer(tmp_path, tiny_model_path, **thresholds(state)) as server:
        assert ask(server)[0] == 200
        assert is_kept(server) == keeps

        memory = server.health()["memory"]
        assert memory["state"] == state
        assert 0 < memory["free_bytes"] <= psutil.virtual_memory().total
        assert memory["mlx_active_bytes"] > 0
        named = {f"memory_{name}": n for name, n in memory["thresholds"].items()}
        assert named == thresholds(state)


@pytest.mark.parametrize("state", ["critical", "emergency"])
def test_in_the_worse_ones_they_are_told_when_to_come_again(
    tmp_path, tiny_model_path, state
):
    with RealServer(tmp_path, tiny_model_path, **thresholds(state)) as server:
        status, headers, body = ask(server)

        assert status == 429
        assert int(headers["retry-after"]) > 0
        assert body["error"]["type"] == "rate_limit_error"
        assert body["error"]["message"].startswith("memory is short: ")
        assert server.health()["memory"]["state"] == state
        assert f"memory: {state}, " in server.log


def test_one_request_at_a_time_in_a_warning(tmp_path, tiny_model_path):
    with RealServer(tmp_path, tiny_model_path, **thresholds("warning")) as server:
        request = {
            "model": "claude-any",
            "max_tokens": 400,
            "stream": True,
            "messages": [{"role": "user", "content": "Hello"}],
        }
        most, wires = 0, [server.connect() for _ in range(4)]
        for wire in wires:
            wire.send(post("/v1/messages", json.dumps(request).encode()))
        engine = server.health()["engine"]
        while engine["active"] or engine["queued"]:
            most = max(most, engine["active"])
            engine = server.health()["engine"]
        for wire in wires:
            assert b"event: message_stop" in wire.read_until(b"event: message_stop")
            wire.close()

    assert most <= 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of another process")
def test_a_prompt_that_does_not_fit_is_refused_and_the_next_is_answered(
    tmp_path, smollm2_path
):
    """The engine gets 300 MB of address space beside what it has."""
    small = {
        f"memory_{state}_bytes": (4 - i) * 60 * MB for i, state in enumerate(STATES)
    }
    with RealServer(tmp_path, smollm2_path, **small) as server:
        pid = server.engine_pid()
        soft = psutil.Process(pid).memory_info().vms + 300 * MB
        resource.prlimit(pid, resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))

        status, _, body = ask(server, "one two three four " * 1900)
        assert status == 400
        assert body["error"]["type"] == "invalid_request_error"
        assert re.fullmatch(
            r"prompt is too long: (\d+) tokens > (\d+) maximum: it needs (\d+) MB of"
            r" memory and there are (\d+) MB",
            body["error"]["message"],
        )

        assert ask(server, "Hello")[0] == 200
        assert server.engine_pid() == pid
        assert server.health()["engine"]["restarts"] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="no such score elsewhere")
def test_the_kernel_would_take_the_engine_and_not_the_server(tmp_path, tiny_model_path):
    def score(pid):
        with open(f"/proc/{pid}/oom_score_adj") as file:
            return int(file.read())

    with RealServer(tmp_path, tiny_model_path) as server:
        pid = server.engine_pid()
        assert score(pid) > score(server.worker_pid())

        os.kill(pid, 9)  # as the kernel does
        assert ask(server)[0] == 200
        assert is_running(server.worker_pid())
        assert server.health()["engine"]["restarts"] == 1
