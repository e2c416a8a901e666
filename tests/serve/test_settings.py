"""What gunicorn is started with, and what it refuses to be started with."""

import signal

import pytest
from click.testing import CliRunner
from serve.real_server import RealServer

from pensieve.cli import main
from pensieve.serve import pid_file

pytestmark = pytest.mark.slow

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


def test_more_workers_than_one_are_refused_with_the_reason(start):
    server = start("-w", "4")

    assert server.wait() == 1
    assert "workers: expected 1, got 4" in server.log


def test_workers_from_gunicorns_own_variable_are_not_asked_for(start, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")

    with start() as server:
        assert server.log.count("Booting worker") == 1


def test_no_worker_is_added_to_a_running_server(start):
    with start() as server:
        server.process.send_signal(signal.SIGTTIN)
        server.wait_for_log("workers: expected 1, got 2")

        assert server.log.count("Booting worker") == 1


def test_a_bind_that_others_can_reach_is_refused_without_a_key(start):
    server = start("-b", "0.0.0.0:0")

    assert server.wait() == 1
    assert "expected an api_key" in server.log


def test_a_bind_that_others_can_reach_is_refused_with_a_weak_key(start):
    server = start("-b", "0.0.0.0:0", api_key="weak-enough-for-loopback"[:12])

    assert server.wait() == 1
    assert "bind: api_key: other machines can reach 0.0.0.0: expected at least 20" in (
        server.log
    )


def test_a_bind_that_others_can_reach_is_taken_with_a_key(start):
    with start("-b", "0.0.0.0:0", api_key=OWN_KEY) as server:
        assert "Listening at: http://0.0.0.0" in server.log


def test_a_setting_that_cannot_be_is_refused(start):
    server = start(port=70000)

    assert server.wait() == 1
    assert "PENSIEVE_PORT: expected a whole number from 1 to 65535" in server.log


def test_a_server_that_others_started_is_known_until_it_ends(own_home, tiny_model_path):
    with RealServer(own_home, tiny_model_path) as server:
        known = pid_file.read(server.port)
        assert (known.pid, known.is_managed, known.log) == (
            *(server.process.pid, True),
            None,
        )
        assert pid_file.running() == [known]
        refused = CliRunner().invoke(main, ["restart", "--port", str(server.port)])
        assert "was not started by `pensieve start`" in refused.stderr
        assert known.is_running()

        stopped = CliRunner().invoke(main, ["stop", "--port", str(server.port)])

        assert stopped.exit_code == 0
        assert server.wait() == 0
    assert pid_file.read(server.port) is None


def test_a_server_that_fails_stays_known_so_that_status_tells_of_it(start):
    server = start(test_broken=1)

    assert server.wait() == 3
    assert pid_file.read(server.port).pid == server.process.pid
    shown = CliRunner().invoke(main, ["status", "--port", str(server.port)])
    assert shown.exit_code == 3
    assert "The one that did has died" in shown.output


def test_a_model_that_cannot_be_opened_ends_the_server_with_its_reason(start):
    server = start(test_broken=1)

    assert server.wait() == 3
    assert "a model that cannot be opened" in server.log
