"""Two real models on one server: an engine each, ended and started as they are used."""

import json
import os
import signal
import time

import psutil
import pytest
from serve.gunicorn_server import post
from serve.real_server import LOAD_S, RealServer, is_running, wait_for_end

from pensieve.models.memory_estimate import estimate

pytestmark = pytest.mark.slow

IDLE_S = 5
"""More than a moment, less than a test's patience."""
UNLOAD_S = 60.0
"""What it may take on a busy machine."""
GEMMA = "gemma-3-270m-q4_k_m"
QUESTIONS = ["Italy", "Spain", "Japan", "France"]
CAPITALS = ["Rome", "Madrid", "Tokyo", "Paris"]


def body(model, max_tokens=8):
    """Return a request that shows a base model what a conversation is, too."""
    messages = []
    for country, capital in zip(QUESTIONS, CAPITALS, strict=True):
        question = f"What is the capital of {country}?"
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"{capital}."},
        ]
    fields = {"max_tokens": max_tokens, "temperature": 0, "stream": True}
    asked = {"model": model, "messages": messages[:-1], **fields}
    return post("/v1/messages", json.dumps(asked).encode())


def asked(server, model):
    """Send a streaming request; return the connection."""
    wire = server.connect(LOAD_S)  # before its headers, a tokenizer may be read
    wire.send(body(model))
    return wire


def answer(wire):
    """Read a stream to its end; return its text."""
    return "".join(
        each["delta"]["text"]
        for each in events(wire)
        if each["type"] == "content_block_delta"
    )


def events(wire):
    """Read a stream to its end; return the data of its events."""
    with wire:
        stream = wire.read_until(b'"message_stop"}')
    lines = [line for line in stream.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line[6:]) for line in lines]


def of_model(server, name):
    """Return what /health says of one model."""
    return next(each for each in server.health()["models"] if each["name"] == name)


def held_bytes(server):
    """Return what the worker and all engines have in memory."""
    pids = [server.worker_pid(), *server.engine_pids()]
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)


def wait_for_status(server, name, status):
    deadline = time.monotonic() + UNLOAD_S
    while (now := of_model(server, name)["engine"])["status"] != status:
        assert time.monotonic() < deadline, now
        time.sleep(0.1)
    return now


def test_two_models_take_turns_and_the_idle_one_s_memory_comes_back(
    tmp_path, smollm2_path, gemma3_path
):
    settings = {
        "more_models": gemma3_path,
        "model_aliases": f"claude-haiku-*={GEMMA}",
        "model_idle_s": IDLE_S,
    }
    with RealServer(tmp_path, smollm2_path, **settings) as server:
        main_pid = server.engine_pid()
        assert of_model(server, GEMMA)["engine"]["status"] == "unloaded"
        assert server.engine_pids() == [main_pid]

        # The other one is loaded for the first request that names it: headers and pings
        # at once, while the main one answers beside it.
        haiku = asked(server, "claude-haiku-5-5")
        haiku.read_until(b"event: ping")
        assert "Paris" in answer(asked(server, "claude-opus-5-5"))
        assert "Paris" in answer(haiku)
        assert b"event: message_start" not in haiku.received.partition(b"ping")[0]

        # Both are there: requests take turns, and come together.
        together = [asked(server, each) for each in (GEMMA, "claude-any") * 2]
        assert all("Paris" in answer(wire) for wire in together)
        gemma = wait_for_status(server, GEMMA, "ready")
        assert server.engine_pids() == [main_pid, gemma["pid"]]
        held = held_bytes(server)

        # Unused, it goes with its process, and the main one stays.
        wait_for_status(server, GEMMA, "unloaded")
        assert not is_running(gemma["pid"])
        assert server.engine_pids() == [main_pid]
        weights_bytes = estimate(gemma3_path, on_gpu=False).weights_bytes
        assert held_bytes(server) < held - weights_bytes

        # Named again, it is started again, and finds on disk what it has computed.
        again = asked(server, GEMMA)
        again.read_until(b"event: ping")
        start = next(each for each in events(again) if each["type"] == "message_start")
        assert start["message"]["usage"]["cache_read_input_tokens"] > 0
        second = of_model(server, GEMMA)["engine"]
        assert second["pid"] not in (gemma["pid"], main_pid)

        # A worker that takes over takes both engines up.
        os.kill(server.worker_pid(), signal.SIGKILL)
        for pid in (main_pid, second["pid"]):
            server.wait_for_log(f"engine {pid} is ready", count=2)
        server.wait_for_log("ASGI server listening", count=2)
        assert server.engine_pid() == main_pid
    for pid in (main_pid, second["pid"]):
        wait_for_end(pid)


def test_a_main_model_that_need_not_stay_goes_too_and_health_stays_well(
    tmp_path, tiny_model_path
):
    settings = {"keep_model": False, "model_idle_s": 2}
    with RealServer(tmp_path, tiny_model_path, **settings) as server:
        pid = server.engine_pid()
        deadline = time.monotonic() + UNLOAD_S
        while (health := server.health())["status"] != "unloaded":
            assert time.monotonic() < deadline, health
            time.sleep(0.1)
        assert not is_running(pid)

        assert answer(asked(server, "claude-any"))

        (another,) = server.engine_pids()
        assert another != pid
