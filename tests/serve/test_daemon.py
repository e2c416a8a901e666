"""The background server's life, with a stand-in for gunicorn that needs no model."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from link import scripted_engine

from pensieve import places
from pensieve.config.schema import Settings
from pensieve.errors import PensieveError
from pensieve.link.messages import EngineSpec
from pensieve.serve import daemon, pid_file
from pensieve.serve.probe import watch

STAND_IN = Path(__file__).parent / "stand_in_server.py"


@pytest.fixture
def settings(unused_tcp_port):
    """Return settings for a port that nobody uses, three models and a short drain."""
    return Settings(port=unused_tcp_port, more_models="b, c", drain_timeout_s=1)


@pytest.fixture
def start(settings, monkeypatch):
    """Return what starts the stand-in in a mode; it is killed in the end."""
    with contextlib.ExitStack() as stack:

        def start_in(mode):
            words = [sys.executable, str(STAND_IN), mode, pid_file.APP]
            monkeypatch.setattr(daemon, "command", lambda: words)
            server, process = daemon.start(settings, {"port": settings.port})
            stack.callback(process.wait)
            stack.callback(process.kill)  # should the next one not know it
            stack.callback(daemon.kill, server)
            return server

        yield start_in


def nothing():
    """Be told that stopping takes long, and do nothing."""


def test_the_way_to_ready_is_told_state_by_state(start):
    states = [(h.status, h.message) for h in watch(start("ready"), silence_s=60)]

    assert states == [("starting", ""), ("loading", "reading weights"), ("ready", "")]


def test_a_model_that_cannot_load_ends_the_watch(start):
    *_, last = watch(start("failed"), silence_s=60)

    assert (last.status, last.message) == ("failed", "no such tensor")


def test_a_server_that_ends_at_once_ends_the_watch_and_leaves_its_last_words(start):
    server = start("dies")

    *_, last = watch(server, silence_s=60)

    assert last.status == "starting"
    assert not server.is_running()
    assert daemon.last_words(server) == "a reason to die"


def test_a_started_server_has_a_pid_file_and_a_session_of_its_own(start, settings):
    server = start("ready")

    assert pid_file.read(settings.port) == server
    assert server.is_running()
    assert pid_file.running() == [server]
    assert os.getsid(server.pid) == server.pid


def test_the_server_gets_flags_and_variables_and_nothing_of_gunicorns(
    start, settings, monkeypatch
):
    monkeypatch.setenv("PENSIEVE_MODEL", "from outside")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 4")
    monkeypatch.chdir(places.run_dir().parent)
    monkeypatch.setenv("PENSIEVE_HOME", ".")

    server = start("ready")
    list(watch(server, silence_s=60))

    said = dict(
        line.split("=", 1) for line in Path(server.log).read_text().splitlines()
    )
    home = said.pop("PENSIEVE_HOME")
    assert Path(home).is_absolute()
    assert said == {
        "PENSIEVE_PORT": str(settings.port),
        "PENSIEVE_MODEL": "from outside",
    }


def test_stop_ends_the_process_and_removes_the_pid_file(start, settings):
    server = start("ready")
    list(watch(server, silence_s=60))

    assert daemon.stop(server, nothing) is True

    assert not server.is_running()
    assert pid_file.read(settings.port) is None


def test_stop_ends_the_engines_of_all_models(start, settings):
    server = start("ready")
    list(watch(server, silence_s=60))
    paths = [places.engine_socket(settings.port, number) for number in range(3)]
    engines = [
        subprocess.Popen([sys.executable, scripted_engine.__file__, spec_of(path)])
        for path in paths
    ]
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in paths):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    daemon.stop(server, nothing)

    assert [engine.wait(20) for engine in engines] == [0, 0, 0]
    assert len(set(paths)) == 3


def spec_of(socket_path):
    """Return an engine's only argument."""
    return msgspec.json.encode(EngineSpec("ok", str(socket_path), "1", 8, 0)).decode()


def test_a_server_that_does_not_end_is_killed_after_its_drain_time(start, monkeypatch):
    monkeypatch.setattr(daemon, "STOP_MARGIN_S", 0.5)
    monkeypatch.setattr(daemon, "_UNUSED_S", 0.5)
    server = start("stubborn")
    list(watch(server, silence_s=60))
    told = []

    assert daemon.stop(server, lambda: told.append("waiting")) is False

    assert told == ["waiting"]
    assert not server.is_running()


def test_what_a_killed_server_leaves_is_cleaned_up(start, settings, monkeypatch):
    monkeypatch.setattr(daemon, "_ORPHAN_S", 0.5)
    server = start("forks")
    list(watch(server, silence_s=60))
    [worker] = server.workers()

    os.kill(server.pid, signal.SIGKILL)
    psutil.Process(server.pid).wait()
    daemon.clean_up(server)

    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert pid_file.read(settings.port) is None


def test_a_pid_that_belongs_to_another_process_by_now_is_not_believed(start):
    server = start("ready")
    reused = msgspec.structs.replace(server, started_at=server.started_at - 3600)
    stranger = msgspec.structs.replace(
        server, pid=os.getpid(), started_at=psutil.Process().create_time()
    )

    assert not reused.is_running()
    assert not stranger.is_running()


def test_starting_cleans_up_after_a_stale_pid_file_and_leaves_the_stranger_alone(
    start, settings
):
    stale = pid_file.Server(
        pid=os.getpid(),
        started_at=0,
        port=settings.port,
        host=settings.host,
        base_url=settings.base_url,
        model="gone",
        drain_timeout_s=1,
        log=None,
        flags={},
    )
    pid_file.write(stale)

    server = start("ready")

    assert pid_file.read(settings.port) == server


def test_a_pid_file_cut_short_counts_as_none(settings):
    places.private_dir(places.run_dir())
    pid_file.path(settings.port).write_text('{"pid": 1')

    assert pid_file.read(settings.port) is None
    assert pid_file.running() == []


def test_a_taken_port_is_told_with_its_owner_before_anything_is_started(
    start, settings
):
    taken = socket.create_server(("127.0.0.1", settings.port))
    with taken, pytest.raises(PensieveError) as raised:
        start("ready")

    message = str(raised.value)
    assert message.startswith(f"port {settings.port} is taken by ")
    assert f"(pid {os.getpid()})" in message or "another program" in message
    assert message.endswith("; choose another with --port")
    assert pid_file.read(settings.port) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_no_interface_here_is_told_of(host, settings):
    foreign = msgspec.structs.replace(settings, host=host)

    with pytest.raises(PensieveError, match="expected an address of this machine, got"):
        daemon.start(foreign, {})


def test_two_cannot_start_or_stop_on_one_port_at_once(settings):
    with pid_file.locked(settings.port):
        refused = pytest.raises(
            PensieveError, match="another `pensieve start` or `stop`"
        )
        with refused, pid_file.locked(settings.port):
            pass
        with pid_file.locked(settings.port + 1):
            pass

    with pid_file.locked(settings.port):
        pass


def test_a_server_whose_pid_file_cannot_be_written_is_not_left_running(
    settings, monkeypatch
):
    def full(server):
        raise OSError("no space left on device")

    words = [sys.executable, str(STAND_IN), "ready", pid_file.APP]
    monkeypatch.setattr(daemon, "command", lambda: words)
    monkeypatch.setattr(pid_file, "write", full)
    before = psutil.Process().children()

    with pytest.raises(OSError, match="no space left"):
        daemon.start(settings, {})

    assert places.server_log(settings.port).exists()
    assert psutil.Process().children() == before
