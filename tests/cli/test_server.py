"""`pensieve start`, `stop`, `restart`, `status`, `ask`: the real server and model."""

import os
import re
import signal
import socket
import subprocess

import psutil
import pytest
from reference.small_gguf import write_gguf
from serve.pensieve_command import DEADLINE_S, Pensieve, is_gone, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory, smollm2_path):
    """Return the command line of a server that runs, and is left running."""
    pensieve = Pensieve(tmp_path_factory.mktemp("running"), smollm2_path)
    started = pensieve("start")
    assert started.returncode == 0, started.stderr
    yield pensieve
    pensieve("stop")


@pytest.fixture
def pensieve(own_home, smollm2_path):
    """Return the command line with no server yet; what it starts is stopped."""
    pensieve = Pensieve(own_home, smollm2_path)
    yield pensieve
    pensieve("stop")


# ----- while it runs -----


def test_start_tells_the_way_to_ready(pensieve):
    started = pensieve("start")

    assert started.returncode == 0, started.stderr
    steps = started.stderr.splitlines()
    assert steps[0] == "Starting the server"
    assert steps[1:]
    assert all(step.startswith("Loading the model") for step in steps[1:])
    address = re.escape(f"at http://127.0.0.1:{pensieve.port}.\n")
    assert re.fullmatch(rf"Ready in \d+\.\d s: .* {address}", started.stdout)


def test_ask_streams_an_answer(running):
    asked = running("ask", "--temperature", "0", "What is the capital of France?")

    assert asked.returncode == 0, asked.stderr
    assert asked.stdout == "The capital of France is Paris.\n"


def test_status_tells_both_processes_and_their_figures_and_is_0(running):
    running("ask", "--max-tokens", "2", "Hi")
    shown = running("status")

    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("Ready")
    assert lines[1].split() == ["address", f"http://127.0.0.1:{running.port}"]
    words = [line.split()[0] for line in lines[1:]]
    words.remove("cache")  # once there was a request
    assert " ".join(words) == "address model server engine answered memory log"
    assert re.search(r"memory   \w+, \d+ MB free, \d+ MB in arrays", shown.stdout)


def test_status_as_json_has_pids_and_places(running):
    status = running.status()

    assert status["status"] == status["engine"]["status"] == "ready"
    assert status["port"] == running.port
    assert psutil.Process(status["worker_pid"]).ppid() == status["pid"]
    assert psutil.pid_exists(status["engine"]["pid"])
    assert os.path.exists(status["log"])
    assert status["memory"]["free_bytes"] > 0


def test_start_twice_is_told_and_is_0_as_the_server_runs(running):
    before = running.status()["pid"]

    again = running("start")

    assert again.returncode == 0
    assert again.stdout.startswith("Already running: ")
    assert running.status()["pid"] == before


def test_start_with_another_model_than_the_one_that_runs_is_refused(
    running, gemma3_path
):
    again = running("start", "--model", str(gemma3_path))

    assert again.returncode == 1
    assert again.stderr.startswith("Error: --model: a server runs on port ")
    assert "pensieve restart --model" in again.stderr


def test_a_port_taken_by_another_program_is_told_at_once(running, own_home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = running("start", "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: port {port} is taken by ")


def test_a_port_taken_by_a_server_of_another_home_is_told_so(running, own_home):
    refused = running("start", PENSIEVE_HOME=str(own_home))

    assert refused.returncode == 1
    assert "a Pensieve that was not started from this PENSIEVE_HOME" in refused.stderr


def test_status_elsewhere_is_3_and_names_the_port_where_one_runs(running):
    shown = running("status", "--port", "1")

    assert shown.returncode == 3
    assert shown.stdout == (
        f"No server runs on port 1. Others do: --port {running.port}.\n"
    )


def test_ask_stopped_by_ctrl_c_ends_quietly_and_the_server_goes_on(running):
    asked = subprocess.Popen(
        running.command("ask", "--max-tokens", "4000", "Count from 1 to 1000."),
        env=running.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = asked.stdout.read(1)
    asked.send_signal(signal.SIGINT)
    _, errors = asked.communicate(timeout=DEADLINE_S)

    assert first
    assert (asked.returncode, errors) == (130, "Interrupted.\n")
    wait_until(lambda: running.status()["engine"]["active"] == 0)
    assert running.status()["status"] == "ready"


# ----- from start to stop -----


def test_stop_ends_server_and_engine_and_a_second_stop_says_so(pensieve):
    pensieve("start")
    status = pensieve.status()

    stopped = pensieve("stop")

    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert stopped.stdout == f"Stopped the server on port {pensieve.port}.\n"
    for pid in (status["pid"], status["worker_pid"]):
        assert is_gone(pid)
    wait_until(lambda: is_gone(status["engine"]["pid"]))
    assert pensieve("status").returncode == 3
    again = pensieve("stop")
    assert again.returncode == 0
    assert again.stdout.startswith("Nothing to stop: no server runs on port ")


def test_restart_keeps_the_flags_and_takes_new_ones(pensieve, smollm2_path):
    relative = os.path.relpath(smollm2_path, pensieve.home)
    pensieve("start", "--model", relative, PENSIEVE_MODEL="smollm2")
    before = pensieve.status()

    restarted = pensieve("restart", PENSIEVE_MODEL="smollm2")

    after = pensieve.status()
    assert restarted.returncode == 0, restarted.stderr
    assert after["pid"] != before["pid"]
    assert after["status"] == "ready"
    assert pensieve.status()["model"] == before["model"]


def test_restart_with_a_model_that_is_not_there_leaves_the_server_alone(running):
    before = running.status()["pid"]

    refused = running("restart", "--model", "/no/such.gguf")

    assert refused.returncode == 1
    assert "/no/such.gguf" in refused.stderr
    assert running.status()["pid"] == before


def test_a_killed_server_is_told_of_cleaned_up_and_can_be_started_again(pensieve):
    pensieve("start")
    status = pensieve.status()

    os.kill(status["pid"], signal.SIGKILL)

    wait_until(lambda: is_gone(status["pid"]))
    shown = pensieve("status")
    assert shown.returncode == 3
    assert "The one that did has died" in shown.stdout
    started = pensieve("start")
    assert started.returncode == 0, started.stderr
    assert pensieve.status()["status"] == "ready"
    assert is_gone(status["worker_pid"])
    wait_until(lambda: is_gone(status["engine"]["pid"]))


def test_stop_after_a_kill_leaves_nothing_behind(pensieve):
    pensieve("start")
    status = pensieve.status()
    os.kill(status["pid"], signal.SIGKILL)
    wait_until(lambda: is_gone(status["pid"]))

    stopped = pensieve("stop")

    assert stopped.returncode == 0
    assert stopped.stdout == (
        f"The server on port {pensieve.port} was dead already; cleaned up after it.\n"
    )
    assert is_gone(status["worker_pid"])
    wait_until(lambda: is_gone(status["engine"]["pid"]))
    assert [f.name for f in (pensieve.home / "run").glob("server-*.json")] == []


def test_a_server_in_the_foreground_ends_by_sigterm_with_status_0(pensieve):
    process = subprocess.Popen(
        pensieve.command("start", "--foreground"),
        env=pensieve.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    ready = process.stdout.readline()
    engine_pid = pensieve.engine_pid()

    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=DEADLINE_S)

    assert ready.startswith("Ready in ")
    assert process.returncode == 0
    assert rest == f"Stopped the server on port {pensieve.port}.\n"
    wait_until(lambda: is_gone(engine_pid))


def test_a_server_that_does_not_answer_is_told_of_by_status_and_start(pensieve):
    pensieve("start")
    status = pensieve.status()
    for pid in (status["pid"], status["worker_pid"]):
        os.kill(pid, signal.SIGSTOP)

    shown, started = pensieve("status"), pensieve("start")

    for pid in (status["pid"], status["worker_pid"]):
        os.kill(pid, signal.SIGCONT)
    assert shown.returncode == 1
    assert shown.stdout.startswith("Silent: the server does not answer\n")
    assert started.returncode == 1
    assert "`pensieve restart` starts it anew" in started.stderr


# ----- models that cannot be served -----


@pytest.mark.parametrize("model", ["no-such-model", "/no/such.gguf"])
def test_a_model_that_is_not_there_is_told_before_anything_starts(pensieve, model):
    refused = pensieve("start", "--model", model)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert model in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (pensieve.home / "logs").exists()


def test_the_default_model_not_pulled_yet_says_how_to_pull_it(pensieve):
    refused = pensieve("start", "--model", "smollm2")

    assert refused.returncode == 1
    assert "pensieve pull smollm2" in refused.stderr


def test_a_file_that_is_no_model_is_told_before_anything_starts(pensieve, tmp_path):
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + bytes(4))

    refused = pensieve("start", "--model", str(file))

    assert refused.returncode == 1
    assert str(file) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_model_that_fails_to_load_is_told_and_leaves_nothing_running(
    pensieve, tmp_path
):
    """The file's head is in order, so that only the engine finds the rest missing."""
    file = write_gguf(tmp_path / "hollow.gguf")

    refused = pensieve("start", "--model", str(file))

    assert (refused.returncode, refused.stdout) == (1, "")
    *_, told = refused.stderr.splitlines()
    assert told.startswith(f"Error: the model cannot be served: {file}: llama.")
    assert "Traceback" not in refused.stderr
    assert pensieve("status").returncode == 3


def test_a_start_that_is_interrupted_leaves_nothing_running(pensieve):
    starting = subprocess.Popen(
        pensieve.command("start"),
        env=pensieve.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert starting.stderr.readline() == "Starting the server\n"

    starting.send_signal(signal.SIGINT)
    said, _ = starting.communicate(timeout=DEADLINE_S)

    assert starting.returncode == 130
    assert said == f"Stopped the server on port {pensieve.port}.\n"
    assert pensieve("status").returncode == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tokenizer__ggml__pre": "martian"}, "martian"),
        ({"tokenizer__chat_template": "{% for %}"}, "chat template: line 1"),
    ],
    ids=["pre-tokenizer", "template"],
)
def test_a_model_whose_prompts_cannot_be_made_is_told_before_anything_starts(
    pensieve, tmp_path, changes, reason
):
    path = write_gguf(tmp_path / "odd.gguf", **changes)

    failed = pensieve("start", "--model", str(path))

    assert failed.returncode == 1
    assert reason in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert pensieve("status").returncode == 3
