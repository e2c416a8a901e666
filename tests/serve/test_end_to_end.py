"""The real SmolLM2 over real HTTP: the official SDK, and processes that die."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from serve.gunicorn_server import post
from serve.real_server import RealServer, is_running, wait_for_end

pytestmark = pytest.mark.slow

SDK_CALLS = Path(__file__).parent / "sdk_calls.py"
CACHE = Path(__file__).parent.parent.parent / ".cache"
OLD_SDK = "anthropic==0.125.0"
MAX_HTTP_BYTES = 150 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory, smollm2_path):
    """Return the server that all tests of this file ask; some kill a part of it."""
    home = tmp_path_factory.mktemp("real")
    with RealServer(home, smollm2_path) as server:
        yield server


@pytest.fixture(scope="module")
def old_sdk():
    """Return a folder that holds the SDK's last generation but one."""
    folder = CACHE / OLD_SDK
    if not folder.exists():
        part = folder.with_suffix(".part")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade"]
        subprocess.run([*pip, "--target", part, OLD_SDK], check=True)
        part.rename(folder)
    return folder


@pytest.fixture(scope="module", params=["2.x", "0.x"])
def saw(request, server, old_sdk):
    """Return what each call of sdk_calls.py saw, for each generation of the SDK."""
    variables = {"PYTHONPATH": str(old_sdk)} if request.param == "0.x" else {}
    ran = subprocess.run(
        [sys.executable, SDK_CALLS, server.base_url],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    saw = json.loads(ran.stdout)
    assert saw["version"].startswith(request.param.removesuffix("x"))
    return saw


def text_of(message):
    (block,) = message["content"]
    assert block["type"] == "text"
    return block["text"]


# ----- The SDK -----


def test_a_whole_answer_is_a_message(saw):
    message = saw["whole"]

    assert "Paris" in text_of(message)
    assert message["id"].startswith("msg_")
    assert message["role"] == "assistant"
    assert message["stop_reason"] in ("end_turn", "max_tokens")
    assert 0 < message["usage"]["output_tokens"] <= 24


def test_a_streamed_answer_is_the_whole_one(saw):
    streamed = saw["streamed"]["message"]

    assert saw["streamed"]["text"] == text_of(saw["whole"])
    assert text_of(streamed) == text_of(saw["whole"])
    assert streamed["stop_reason"] == saw["whole"]["stop_reason"]
    assert streamed["usage"]["output_tokens"] == saw["whole"]["usage"]["output_tokens"]
    assert streamed["usage"]["input_tokens"] == saw["whole"]["usage"]["input_tokens"]


def test_each_turn_reads_the_one_before_it_from_the_prefix_cache(saw):
    sizes = [
        usage["input_tokens"]
        + usage["cache_creation_input_tokens"]
        + usage["cache_read_input_tokens"]
        for usage in saw["turns"]
    ]
    _, second, again = saw["turns"]

    assert sizes[0] - 1 <= second["cache_read_input_tokens"] < sizes[1] - 1
    assert again["cache_read_input_tokens"] == sizes[2] - 1
    assert again["cache_creation_input_tokens"] == 0


def test_a_request_for_no_tokens_warms_the_prefix_cache(saw):
    usage = saw["warmed"]

    assert usage["cache_read_input_tokens"] > 10
    assert usage["cache_creation_input_tokens"] == 0


def test_raw_events_follow_the_grammar(saw):
    events = [name for name in saw["raw_events"] if name != "ping"]
    deltas = events[2:-3]

    assert events[:2] == ["message_start", "content_block_start"]
    assert events[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert deltas
    assert set(deltas) == {"content_block_delta"}


def test_the_beta_resource_answers_alike(saw):
    assert text_of(saw["beta"]) == text_of(saw["whole"])


def test_a_stop_sequence_ends_the_answer_and_is_named(saw):
    message = saw["stopped"]

    assert message["stop_reason"] == "stop_sequence"
    assert message["stop_sequence"] == "capital"
    assert "capital" not in text_of(message)
    assert text_of(saw["whole"]).startswith(text_of(message))


def test_an_answer_that_the_client_began_goes_on(saw):
    assert "Paris" in text_of(saw["several_turns"])


def test_counted_tokens_are_those_of_the_call(saw):
    assert saw["counted"] == saw["counted_by_the_call"] > 10


def test_both_forms_of_the_key_are_taken(saw):
    assert saw["bearer"] == saw["x_api_key"] == saw["counted"]


def test_answers_at_once_are_those_of_one_after_the_other(saw):
    assert saw["concurrent"] == [text_of(saw["whole"])] * 3


def test_the_model_is_listed_and_found(saw, server):
    (model,) = saw["models"]

    assert model["id"] == server.health()["model"] == saw["model_by_alias"]
    assert model["max_input_tokens"] == server.health()["context_length"]


@pytest.mark.parametrize(
    ("name", "cls", "status", "kind"),
    [
        ("wrong_key", "AuthenticationError", 401, "authentication_error"),
        ("wrong_model", "NotFoundError", 404, "not_found_error"),
        ("wrong_limit", "BadRequestError", 400, "invalid_request_error"),
        ("long_prompt", "BadRequestError", 400, "invalid_request_error"),
        ("long_prompt_streamed", "BadRequestError", 400, "invalid_request_error"),
        ("model_that_is_not_there", "NotFoundError", 404, "not_found_error"),
    ],
)
def test_failures_are_the_sdks_own(saw, name, cls, status, kind):
    failure = saw[name]

    assert (failure["class"], failure["status"], failure["type"]) == (cls, status, kind)
    assert failure["request_id"].startswith("req_")


def test_a_name_with_a_slash_is_understood(saw):
    assert "got org/other" in saw["model_that_is_not_there"]["message"]


def test_a_prompt_that_is_too_long_is_refused_in_the_words_that_clients_know(saw):
    words = saw["long_prompt"]["message"].split(" tokens > ")

    assert words[0].startswith("prompt is too long: ")
    assert words[1].endswith(" maximum")


# ----- Processes -----


def greedy(server, max_tokens=40):
    """Return an open connection on which an answer is streamed."""
    body = {
        "model": "claude-x",
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "messages": [{"role": "user", "content": "Tell me a story about a dog."}],
    }
    wire = server.connect()
    wire.send(post("/v1/messages", json.dumps(body).encode()))
    return wire


def deltas(answer):
    """Return the text of a streamed answer."""
    lines = [line for line in answer.splitlines() if line.startswith(b"data: ")]
    events = [json.loads(line.removeprefix(b"data: ")) for line in lines]
    return "".join(
        event["delta"]["text"]
        for event in events
        if event["type"] == "content_block_delta"
    )


def whole_answer(server):
    with greedy(server) as wire:
        return deltas(wire.read_until(b"event: message_stop"))


def test_the_http_process_stays_small_and_has_no_model(server):
    worker = psutil.Process(server.worker_pid())

    assert worker.memory_info().rss < MAX_HTTP_BYTES
    if sys.platform == "linux":
        files = {Path(each.path).name for each in worker.memory_maps()}
        assert not {name for name in files if "mlx" in name or "torch" in name}


def test_an_engine_killed_while_idle_is_replaced_before_the_next_answer(server):
    before = whole_answer(server)
    engine = server.engine_pid()
    restarts = server.health()["engine"]["restarts"]

    os.kill(engine, signal.SIGKILL)

    assert whole_answer(server) == before
    health = server.health()["engine"]
    assert health["pid"] != engine
    assert health["restarts"] == restarts + 1


def test_an_engine_killed_in_mid_answer_is_a_pause_and_nothing_else(server):
    before = whole_answer(server)
    with greedy(server) as wire:
        wire.read_until(b"content_block_delta", count=5)
        os.kill(server.engine_pid(), signal.SIGKILL)

        assert deltas(wire.read_until(b"event: message_stop")) == before


def test_a_killed_http_worker_comes_back_to_the_same_engine(server):
    before = whole_answer(server)
    engine = server.engine_pid()
    worker = server.worker_pid()
    num_starts = server.log.count("ASGI server listening")

    os.kill(worker, signal.SIGKILL)
    server.wait_for_log("ASGI server listening", num_starts + 1)
    server.wait_until_ready()

    assert server.worker_pid() != worker
    assert server.engine_pid() == engine
    assert whole_answer(server) == before


def test_a_client_that_leaves_ends_the_work_of_the_engine(server):
    with greedy(server, max_tokens=1500) as wire:
        wire.read_until(b"content_block_delta", count=3)
        assert server.health()["engine"]["active"] == 1
    server.wait_for_log(r"POST /v1/messages 499 .*end=client_left")

    assert server.health()["engine"]["active"] == 0


def test_an_engine_that_nobody_comes_back_to_ends_by_itself(server):
    """Last in this file: it leaves nothing of the server."""
    engine = server.engine_pid()
    worker = server.worker_pid()

    server.process.kill()
    server.process.wait()
    os.kill(worker, signal.SIGKILL)
    assert is_running(engine)

    wait_for_end(engine, timeout_s=60)
