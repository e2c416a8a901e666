"""SIGHUP: what a reload changes, what it does not, and that mistakes change nothing."""

import json
import signal

import pytest
from serve.gunicorn_server import message_request, post

from pensieve.config.schema import Settings
from pensieve.serve import pid_file
from pensieve.serve.reload import same_engine

pytestmark = pytest.mark.slow

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


@pytest.fixture
def configure(own_home):
    """Return what writes the settings file of the server that is to be reloaded."""

    def configure(text):
        (own_home / "config.toml").write_text(text)

    return configure


def hang_up(server):
    server.process.send_signal(signal.SIGHUP)


def status_of(server, request):
    with server.connect() as wire:
        wire.send(request)
        return wire.read_answer()[0]


def test_a_new_worker_goes_by_the_file_as_it_is_now(start, configure):
    configure("[server]\nmax_body_bytes = 100000\n")
    body = json.dumps({"model": "x" * 50_000}).encode()
    with start() as server:
        assert status_of(server, post("/v1/messages", body)) == 400
        configure('[server]\nmax_body_bytes = 10000\n[logging]\nlevel = "debug"\n')

        hang_up(server)
        server.wait_for_log("Reloaded, changed: server.max_body_bytes, logging.level")
        server.wait_for_log("service closed")

        assert status_of(server, post("/v1/messages", body)) == 413
        assert " [DEBUG] " in server.log


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[server]\nmax_body_bytes = -1\n",
            "config.toml:2: server.max_body_bytes: exp",
        ),
        ("[server\n", "config.toml: expected TOML"),
        ('[logging]\nlevle = "info"\n', "config.toml:2: .* did you mean level"),
    ],
)
def test_a_file_with_a_mistake_changes_nothing_and_is_told_of(
    start, configure, text, told
):
    with start() as server:
        worker = server.worker_pid()
        configure(text)

        hang_up(server)
        server.wait_for_log(f"Nothing reloaded: .*{told}")

        assert status_of(server, message_request("hello", stream=False)) == 200
        assert server.worker_pid() == worker
        assert pid_file.read(server.port).reloads.number == 1
        assert "config.toml" in pid_file.read(server.port).reloads.refused


def test_where_it_listens_stays_and_that_is_told(start, configure):
    with start() as server:
        configure('[server]\nhost = "localhost"\nmax_body_bytes = 10000\n')
        hang_up(server)
        server.wait_for_log(r"config.toml:2: server.host stays 127.0.0.1: a reload")
        server.wait_for_log("Reloaded, changed: server.max_body_bytes")
        server.wait_for_log("service closed")

        assert status_of(server, message_request("hello", stream=False)) == 200
        [note] = pid_file.read(server.port).reloads.notes
        assert "server.host stays 127.0.0.1" in note


def test_a_key_too_weak_for_where_it_listens_is_refused(start, configure):
    """The file alone would be right: it says loopback."""
    configure(f'[server]\napi_key = "{OWN_KEY}"\n')
    with start("-b", "0.0.0.0:0") as server:
        configure("")

        hang_up(server)
        server.wait_for_log("Nothing reloaded: bind: .*expected an api_key")


def test_with_another_engine_setting_answers_end_before_the_next_worker_begins(
    start, configure
):
    with start(drain_timeout_s=20) as server, server.ask("ticks") as wire:
        wire.read_until(b"tick 0")
        configure("[engine]\nmax_batch_size = 3\n")
        hang_up(server)
        server.wait_for_log("Reloaded, changed: engine.max_batch_size")
        server.wait_for_log("Stopping: ")  # it accepts no more

        with server.ask("hello", stream=False) as early:  # waits for the next
            assert b"event: message_stop" in wire.read_all()
            assert early.read_answer()[0] == 200

        log = server.log
        assert log.count("Booting worker") == 2
        assert log.index("service closed") < log.rindex("Booting worker")


def test_a_second_reload_meanwhile_does_not_start_a_worker_beside_the_old_one(
    start, configure
):
    with start(drain_timeout_s=20) as server, server.ask("ticks") as wire:
        wire.read_until(b"tick 0")
        configure("[engine]\nmax_batch_size = 3\n")
        hang_up(server)
        server.wait_for_log("Reloaded, changed: engine.max_batch_size")
        hang_up(server)
        server.wait_for_log("Reloaded, changed: nothing")

        assert b"event: message_stop" in wire.read_all()
        server.wait_for_log("ASGI server listening", 2)
        assert server.log.index("service closed") < server.log.rindex("Booting worker")


def test_a_server_is_stopped_in_the_middle_of_a_reload(start, configure):
    with start(drain_timeout_s=20) as server, server.ask("ticks") as wire:
        wire.read_until(b"tick 0")
        configure("[engine]\nmax_batch_size = 3\n")
        hang_up(server)
        server.wait_for_log("Reloaded, changed")

        server.terminate()

        assert b"event: message_stop" in wire.read_all()
        assert server.wait() == 0
        assert server.log.count("Booting worker") == 1


def test_which_settings_an_engine_is_started_with():
    settings = Settings()

    assert same_engine(settings, Settings(max_body_bytes=4096, log_level="debug"))
    assert same_engine(settings, Settings(drain_timeout_s=1, api_key=OWN_KEY))
    for other in (
        Settings(model="other"),
        Settings(prefill_chunk=7),
        Settings(prefix_disk_bytes=0),
        Settings(memory_caution_bytes=1 << 40),
    ):
        assert not same_engine(settings, other)
