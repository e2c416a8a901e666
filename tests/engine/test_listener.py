import os
import signal
import socket
import stat
import subprocess
import sys

import pytest

from pensieve.engine.listener import Listener, SocketTakenError

HOLDER = """
import sys, time
from pathlib import Path
from pensieve.engine.listener import Listener
with Listener(Path(sys.argv[1])):
    print("bound", flush=True)
    time.sleep(60)
"""


def connect(path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(os.fspath(path))


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_this_user_can_reach_the_socket(tmp_path):
    path = tmp_path / "run" / "engine.sock"

    with Listener(path):
        connect(path)
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700


def test_the_socket_is_gone_afterwards_and_can_be_had_again(tmp_path):
    path = tmp_path / "engine.sock"

    for _ in range(2):
        with Listener(path):
            connect(path)
        assert not path.exists()


def test_a_second_engine_does_not_get_the_socket_of_a_living_one(tmp_path):
    path = tmp_path / "engine.sock"

    with Listener(path):
        with pytest.raises(SocketTakenError, match="another engine has it"):
            Listener(path)
        connect(path)


def test_the_socket_of_an_engine_that_was_killed_is_replaced(tmp_path):
    path = tmp_path / "engine.sock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        with pytest.raises(SocketTakenError):
            Listener(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.exists()

    with Listener(path):
        connect(path)


def test_a_file_in_the_sockets_place_is_left_alone(tmp_path):
    path = tmp_path / "engine.sock"
    path.write_text("precious")

    with pytest.raises(FileExistsError, match="expected a socket or nothing"):
        Listener(path)

    assert path.read_text() == "precious"
