"""A socket that is passed on as systemd does: no second one, and the same doors."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from serve.gunicorn_server import (
    PATIENCE_S,
    SCRIPTED_APP,
    TESTS,
    GunicornServer,
    message_request,
)

from pensieve.serve import pid_file

pytestmark = pytest.mark.slow

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"
AS_SYSTEMD = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
"""It says the pid of the very process that it becomes."""


class ActivatedServer(GunicornServer):
    """Started with a listening socket as descriptor 3, by who keeps it open."""

    def __init__(self, home, listening, **settings):
        self.port = settings.setdefault("port", listening.getsockname()[1])
        self.log_path = home / f"gunicorn-{self.port}.log"
        ours = {f"PENSIEVE_{k.upper()}": str(v) for k, v in settings.items()}
        gunicorn = [sys.executable, "-m", "gunicorn"]
        config = ["-c", "python:pensieve.serve.settings", SCRIPTED_APP]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", AS_SYSTEMD, "sh", *gunicorn, *config],
                env=os.environ | ours | {"PYTHONPATH": str(TESTS)},
                stdout=log,
                stderr=log,
                pass_fds=[3],
                preexec_fn=lambda: os.dup2(listening.fileno(), 3),
            )


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def listeners_of(server):
    """Return which sockets it listens on: whether its master does, and where."""
    master = psutil.Process(server.process.pid)
    found = set()
    for process in [master, *master.children()]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that ends
            sockets = process.net_connections("tcp")
            listening = [s for s in sockets if s.status == psutil.CONN_LISTEN]
            found |= {(process == master, each.laddr) for each in listening}
    return found


def test_requests_are_answered_on_the_inherited_socket_and_on_no_other(
    own_home, listening
):
    with ActivatedServer(own_home, listening) as server:
        with server.ask("hello", stream=False) as wire:
            assert wire.read_answer()[0] == 200

        address = listening.getsockname()
        assert f"Listening at: http://127.0.0.1:{address[1]}" in server.log
        assert listeners_of(server) == {(True, address), (False, address)}
        assert pid_file.read(server.port).pid == server.process.pid


def test_a_request_made_while_no_server_runs_is_answered_by_the_next(
    own_home, listening
):
    with ActivatedServer(own_home, listening) as server:
        server.terminate()
        assert server.wait() == 0

    with server.connect() as wire:
        wire.send(message_request("hello", stream=False))
        with ActivatedServer(own_home, listening) as server:
            assert wire.read_answer()[0] == 200


def test_a_reload_keeps_the_socket(own_home, listening):
    with ActivatedServer(own_home, listening) as server:
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("service closed")

        with server.ask("hello", stream=False) as wire:
            assert wire.read_answer()[0] == 200
        assert {address for _, address in listeners_of(server)} == {
            listening.getsockname()
        }


@pytest.mark.parametrize("key", [{}, {"api_key": "weak-enough"}])
def test_an_inherited_socket_that_others_can_reach_is_refused_without_a_strong_key(
    own_home, key
):
    with contextlib.ExitStack() as stack:
        open_to_all = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        server = ActivatedServer(own_home, open_to_all, **key)
        stack.callback(server.__exit__)

        assert server.process.wait(PATIENCE_S) == 1
        assert "Error: bind: " in server.log
        assert "other machines can reach 0.0.0.0" in server.log
        assert "Booting worker" not in server.log


def test_an_inherited_socket_that_others_can_reach_is_taken_with_a_strong_key(own_home):
    with (
        socket.create_server(("0.0.0.0", 0)) as open_to_all,
        ActivatedServer(own_home, open_to_all, api_key=OWN_KEY) as server,
    ):
        assert "Listening at: http://0.0.0.0" in server.log


def test_a_socket_of_another_port_than_the_settings_is_told_of(own_home, listening):
    other = listening.getsockname()[1] - 1
    with ActivatedServer(own_home, listening, port=other) as server:
        assert f"although server.port is {other}" in server.log
