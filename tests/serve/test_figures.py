"""The figures of a real server's requests: /metrics, /health, the report, the log."""

import json
import os
import signal
import time
import urllib.request

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serve.gunicorn_server import PATIENCE_S, post
from serve.real_server import RealServer

from pensieve.figures.report import PATH, Report

pytestmark = pytest.mark.slow

BODY = {
    "model": "claude-x",
    "temperature": 0,
    "system": "You are asked the same thing again and again, and do not mind at all, "
    "for you know that whoever asks wants to see how little of it is read anew.",
    "messages": [{"role": "user", "content": "Hi"}],
}
KEY = {"x-api-key": "pensieve-local-token"}
LINE = (
    r"POST /v1/messages 200 \d+ ms req_\w+ in={prompt} out={out} cached={cached} disk=0"
    r" queue_ms=\d+ first_token_ms=\d+"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory, tiny_model_path):
    with RealServer(tmp_path_factory.mktemp("figures"), tiny_model_path) as server:
        yield server


def scraped(server):
    """Return the values of /metrics, by name and labels in order of names."""
    with urllib.request.urlopen(f"{server.base_url}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


def asked(server, **fields):
    """Return the answer's usage."""
    with server.connect() as wire:
        wire.send(post("/v1/messages", json.dumps(BODY | fields).encode()))
        status, _, answer = wire.read_answer()
    assert status == 200
    return json.loads(answer)["usage"]


def test_a_warm_up_and_an_answer_are_counted_to_the_token(server):
    before = scraped(server)
    warmed = asked(server, max_tokens=0)
    answered = asked(server, max_tokens=4)
    after = scraped(server)

    def added(*key):
        return after[key] - before.get(key, 0)

    size = warmed["input_tokens"] + warmed["cache_creation_input_tokens"]
    assert warmed["cache_read_input_tokens"] == 0
    assert answered["cache_read_input_tokens"] == size - 1
    assert answered["input_tokens"] == warmed["input_tokens"] == 1
    assert added("pensieve_prompt_tokens_total", "computed") == size + 1
    assert added("pensieve_prompt_tokens_total", "memory") == size - 1
    assert added("pensieve_prompt_tokens_total", "disk") == 0
    assert added("pensieve_prefilled_tokens_total") == size + 1
    assert added("pensieve_sampled_tokens_total") >= 1 + answered["output_tokens"]
    assert added("pensieve_time_to_first_token_seconds_count") == 2
    assert added("pensieve_request_prefill_tokens_per_second_count") == 1
    assert added("pensieve_requests_ended_total", "live", "max_tokens") >= 1
    server.wait_for_log(LINE.format(prompt=size, out=0, cached=0))
    out = answered["output_tokens"]
    server.wait_for_log(LINE.format(prompt=size, out=out, cached=size - 1))


def reported(server) -> Report:
    request = urllib.request.Request(f"{server.base_url}{PATH}", headers=KEY)
    with urllib.request.urlopen(request) as answer:
        return msgspec.json.decode(answer.read(), type=Report)


def reported_once(server, is_so):
    """Return the first report of which something is so.

    A request ends a moment after its answer, and the engine tells of its cache now and
    then.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not is_so(report := reported(server)):
        assert time.monotonic() < deadline, report
        time.sleep(0.05)
    return report


def asked_in_session(server, **fields):
    """Return the id of a request of one and the same conversation, and its usage."""
    headers = {"x-claude-code-session-id": "s", "content-type": "application/json"}
    url = f"{server.base_url}/v1/messages"
    body = json.dumps(BODY | {"max_tokens": 4} | fields).encode()
    request = urllib.request.Request(url, body, KEY | headers)
    with urllib.request.urlopen(request) as answer:
        return answer.headers["request-id"], json.load(answer)["usage"]


def test_the_report_says_what_was_reused_and_what_broke_a_prefix(server):
    longer = [*BODY["messages"], *BODY["messages"]]
    asked_in_session(server)
    extending, usage = asked_in_session(server, messages=longer)
    breaking, _ = asked_in_session(server, system="Something else.", messages=longer)

    now = reported_once(server, lambda report: report.ended[0].id == breaking)
    (last, before, *_) = now.ended
    assert (last.id, before.id) == (breaking, extending)
    assert (before.status, before.outcome) == (200, "max_tokens")
    assert before.memory_tokens == usage["cache_read_input_tokens"] > 0
    assert before.disk_tokens == 0
    assert before.computed_tokens > 0
    assert before.output_tokens == usage["output_tokens"]
    assert last.broken_prefix.field == "system"
    assert 0 < last.broken_prefix.at_token < last.broken_prefix.earlier_tokens
    assert now.first_tokens[-1].computed_tokens == last.computed_tokens
    (model,) = now.models
    assert (model.status, model.running) == ("ready", 0)
    filled = reported_once(
        server, lambda report: any(tier.bytes for tier in report.models[0].cache)
    )
    memory, disk = filled.models[0].cache
    assert 0 < memory.bytes <= memory.budget_bytes
    assert memory.entries > 0
    assert disk.budget_bytes > 0
    assert now.totals.memory_tokens >= before.memory_tokens


def test_health_has_the_same_in_a_few_numbers(server):
    asked(server, max_tokens=4)

    requests, now = server.health()["requests"], scraped(server)

    for source in ("memory", "disk", "computed"):
        figure = now["pensieve_prompt_tokens_total", source]
        assert requests[f"{source}_tokens"] == figure
    assert requests["answered"] >= 1
    assert requests["first_token_s"] > 0


def test_a_client_that_leaves_and_an_engine_that_dies_are_counted(server):
    story = [{"role": "user", "content": "A story, please. (tiny-task-endless)"}]
    body = BODY | {"messages": story, "max_tokens": 1000, "stream": True}
    with server.connect() as wire:
        wire.send(post("/v1/messages", json.dumps(body).encode()))
        wire.read_until(b"content_block_delta", count=3)
        assert scraped(server)["pensieve_requests", "running"] == 1
        (running,) = reported(server).running
        assert (running.stage, running.unread_tokens) == ("decode", 0)
        assert running.output_tokens >= 2
        os.kill(server.engine_pid(), signal.SIGKILL)
        # What the dead one has said is still being read, for a while.
        while not scraped(server)["pensieve_engine_restarts_total",]:
            num_deltas = wire.received.count(b"content_block_delta")
            wire.read_until(b"content_block_delta", num_deltas + 1)
    server.wait_for_log(r"POST /v1/messages 499 .* out=\d+ .*end=client_left")

    assert reported(server).ended[0].outcome == "client_left"
    now = scraped(server)
    assert now["pensieve_requests_ended_total", "live", "client_left"] == 1
    assert now["pensieve_engine_restarts_total",] == 1
    assert now["pensieve_requests", "running"] == 0
    assert now["pensieve_inter_token_seconds_count",] > 0
