"""Ends of a server under load: streams end well, nothing is left, the next starts.

The real server and engine, with the tiny model. All tests have one home and one port:
each starts its server on what the end before has left.
"""

import contextlib
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from serve.gunicorn_server import Wire, post
from serve.leftovers import check_nothing_is_left, processes_of
from serve.pensieve_command import DEADLINE_S, Pensieve, wait_until

from pensieve.serve.probe import ask_health

pytestmark = pytest.mark.slow

CLEAN_END = b"0\r\n\r\n"
SOME, ENDLESS = 150, 100_000
"""Tokens of an answer that ends within a second or two, and of one that does not."""
SETTINGS = """
[server]
drain_timeout_s = {drain_s}
[model]
name = "{model}"
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Return the command line; what it has started is killed in the end."""
    pensieve = Pensieve(tmp_path_factory.mktemp("ends"))
    yield pensieve
    kill_all(pensieve.home)


@pytest.fixture
def pensieve(command, tiny_model_path):
    """Return the command line, for the tiny model and with time to drain."""
    command.configure(SETTINGS.format(model=tiny_model_path, drain_s=60))
    return command


def kill_all(home):
    """Kill all processes of a home, as the end of a machine does."""
    while running := processes_of(home):
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def ask(pensieve, max_tokens):
    """Return a connection on which an answer has begun to be streamed."""
    body = {
        "model": "claude-x",
        "max_tokens": max_tokens,
        "stream": True,
        "messages": [{"role": "user", "content": "tiny-task-endless"}],
    }
    wire = Wire(pensieve.port)
    wire.send(post("/v1/messages", json.dumps(body).encode()))
    wire.read_until(b"content_block_delta")
    return wire


def gunicorn(pensieve, **more):
    """Start gunicorn as a deployment does, and wait until it serves."""
    words = ["-c", "python:pensieve.serve.settings", "pensieve.serve:app"]
    return started(pensieve, [sys.executable, "-m", "gunicorn", *words], more)


def foreground(pensieve, **more):
    """Start the server in the foreground, and wait until it serves."""
    return started(pensieve, pensieve.command("start", "--foreground"), more)


def started(pensieve, command, more):
    process = subprocess.Popen(command, env=pensieve.environment, **more)
    wait_until(lambda: is_ready(pensieve) or process.poll() is not None)
    assert process.poll() is None
    return process


def is_ready(pensieve):
    health = ask_health(f"http://127.0.0.1:{pensieve.port}")
    return health is not None and health.status == "ready"


QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@pytest.mark.parametrize(
    "start", [gunicorn, pytest.param(foreground, marks=pytest.mark.patient)]
)
def test_sigterm_lets_an_answer_end_and_tells_an_endless_one(
    pensieve, tiny_model_path, start
):
    pensieve.configure(SETTINGS.format(model=tiny_model_path, drain_s=10))
    process = start(pensieve, **QUIET)
    with ask(pensieve, SOME) as short, ask(pensieve, ENDLESS) as endless:
        process.send_signal(signal.SIGTERM)

        assert b"event: message_stop" in short.read_all()
        cut_off = endless.read_all()
        assert b"event: error" in cut_off
        assert cut_off.endswith(CLEAN_END)
    assert process.wait(DEADLINE_S) == 0
    check_nothing_is_left(pensieve.home)


@pytest.mark.parametrize(
    ("start", "signals"),
    [
        pytest.param(
            *(gunicorn, [signal.SIGTERM, signal.SIGTERM]), marks=pytest.mark.patient
        ),
        pytest.param(gunicorn, [signal.SIGINT], marks=pytest.mark.patient),
        (foreground, [signal.SIGINT, signal.SIGINT]),
    ],
)
def test_who_is_told_to_end_now_ends_answers_cleanly_and_at_once(
    pensieve, start, signals
):
    process = start(pensieve, **QUIET)
    with ask(pensieve, ENDLESS) as one, ask(pensieve, ENDLESS) as other:
        for number in signals:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)  # or two of a kind would be one

        for wire in (one, other):
            answer = wire.read_all()
            assert b"event: error" in answer
            assert answer.endswith(CLEAN_END)
    assert process.wait(DEADLINE_S) == 0
    check_nothing_is_left(pensieve.home)


@pytest.mark.parametrize("start", [gunicorn, foreground])
def test_a_terminal_that_is_closed_ends_the_server(pensieve, start):
    ours, theirs = pty.openpty()
    # As a session of its own, so that the terminal is its controlling one.
    terminal = {name: theirs for name in ("stdin", "stdout", "stderr")}
    process = start(pensieve, **terminal, preexec_fn=take_terminal)
    os.close(theirs)
    with ask(pensieve, SOME) as wire:
        os.close(ours)

        assert b"event: message_stop" in wire.read_all()
    assert process.wait(DEADLINE_S) == 0
    check_nothing_is_left(pensieve.home)


def take_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_after_a_kill_of_everything_the_next_start_finds_no_stale_state(pensieve):
    assert pensieve("start").returncode == 0
    with ask(pensieve, ENDLESS):
        kill_all(pensieve.home)
    run = pensieve.home / "run"
    assert [*run.glob("engine-*.sock")]  # there is something to stumble over
    assert [*run.glob("server-*.json")]

    started = pensieve("start")

    assert started.returncode == 0, started.stderr
    assert pensieve.status()["status"] == "ready"
    assert pensieve("stop").returncode == 0
    check_nothing_is_left(pensieve.home)


@pytest.mark.patient
def test_sigterm_to_a_background_server_from_elsewhere_leaves_nothing(pensieve):
    assert pensieve("start").returncode == 0
    with ask(pensieve, SOME) as wire:
        os.kill(pensieve.status()["pid"], signal.SIGTERM)

        assert b"event: message_stop" in wire.read_all()
    check_nothing_is_left(pensieve.home)
    assert pensieve("status").returncode == 3
