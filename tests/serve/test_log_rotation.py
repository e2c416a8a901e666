"""The log of a real server, rotated while it runs, and moved by others."""

import contextlib
import re
import signal
import stat

import pytest
from serve.gunicorn_server import message_request
from serve.pensieve_command import wait_until
from serve.real_server import RealServer, wait_for_end

from pensieve.log_file import numbered

pytestmark = pytest.mark.slow

LOG = "logs/server-{port}.log"


@pytest.fixture
def server(start):
    """Return a server whose output is the file that `pensieve start` gives it."""
    with start(log=LOG, log_max_bytes=4096, log_files=50) as server:
        yield server


def said(path):
    """Return what is in any of the files, some of which may be renamed just now."""
    texts = []
    for number in range(50):
        with contextlib.suppress(FileNotFoundError):
            texts.append(numbered(path, number).read_text())
    return "".join(texts)


def test_each_request_is_in_the_log_once_however_often_it_is_rotated(start):
    ids = []
    with start(log=LOG, log_max_bytes=4096, log_files=50) as server:
        with server.connect() as wire:
            for _ in range(150):
                wire.send(message_request("hello", stream=False))
                _, headers, _ = wire.read_answer()
                ids.append(headers["request-id"])
        server.process.send_signal(signal.SIGTTIN)  # the master says something, too
        wait_until(lambda: "expected 1, got 2" in said(server.log_path))
    path = server.log_path
    paths = [each for n in range(50, -1, -1) if (each := numbered(path, n)).exists()]

    assert len(paths) > 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in paths} == {0o600}
    # Who finds another one at the rotation writes into what is full.
    assert all(each.stat().st_size <= 2 * 4096 for each in paths)
    lines = "".join(each.read_text() for each in paths).splitlines()
    logged = [i for line in lines for i in re.findall(r"200 \d+ ms (req_\w+)", line)]
    assert logged == ids
    assert all(re.match(r"\[\d{4}-\d\d-\d\d ", line) for line in lines)
    assert sum("workers: expected 1, got 2" in line for line in lines) == 1


def test_a_file_moved_by_logrotate_is_let_go_at_sigusr1(server):
    moved = server.log_path.with_name("moved.log")
    server.log_path.rename(moved)

    server.process.send_signal(signal.SIGUSR1)
    while not server.log_path.exists():
        server.process.poll()
    with server.ask("hello", stream=False) as wire:
        wire.read_answer()
    server.wait_for_log("POST /v1/messages 200")

    assert "POST" not in moved.read_text()
    assert stat.S_IMODE(server.log_path.stat().st_mode) == 0o600


def test_the_engines_log_is_rotated_too(tmp_path, tiny_model_path):
    log = tmp_path / "logs" / "engine.log"
    log.parent.mkdir()
    log.write_text("x" * 4090 + "\n")
    with RealServer(tmp_path, tiny_model_path, log_max_bytes=4096) as server:
        engine = server.engine_pid()
    wait_for_end(engine)

    assert numbered(log, 1).read_text() == "x" * 4090 + "\n"
    assert f"engine {engine} INFO started for" in log.read_text()
    assert f"engine {engine} INFO ended, exit status 0" in log.read_text()
