"""`pensieve reload` of the real server: which engine serves, and never two of them."""

import contextlib
import json
import shutil
import threading

import psutil
import pytest
from serve.gunicorn_server import Wire, post
from serve.leftovers import processes_of
from serve.pensieve_command import Pensieve, is_gone

pytestmark = pytest.mark.slow

SETTINGS = """
[server]
drain_timeout_s = 60
[model]
name = "{model}"
[engine]
max_batch_size = {batch}
"""


@pytest.fixture(scope="module")
def pensieve(tmp_path_factory, tiny_model_path):
    """Return the command line of a server that runs, with settings in a file."""
    pensieve = Pensieve(tmp_path_factory.mktemp("reload"))
    pensieve.configure(SETTINGS.format(model=tiny_model_path, batch=4))
    started = pensieve("start")
    assert started.returncode == 0, started.stderr
    yield pensieve
    pensieve("stop")


class EngineWatch(threading.Thread):
    """Counts the living engines of a home, over and over, while the context is open."""

    def __init__(self, home):
        super().__init__()
        self.home = home
        self.seen = []
        self._ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self._ended.set()
        self.join()

    def run(self):
        while not self._ended.wait(0.005):
            engines = engines_of(self.home)
            if not self.seen or self.seen[-1] != engines:
                self.seen.append(engines)


def engines_of(home):
    """Return the pids of a home's engines; what an engine forks is none, though until
    it is another program it has the engine's command line."""
    parents = {}
    for process in processes_of(home):
        with contextlib.suppress(psutil.Error):  # it has ended
            if "pensieve.engine" in process.cmdline():
                parents[process.pid] = process.ppid()
    return {pid for pid, parent in parents.items() if parent not in parents}


def engines_by_model(pensieve):
    """Return each model's engine's pid."""
    models = pensieve.status()["models"]
    return {each["name"]: each["engine"]["pid"] for each in models}


def stream(pensieve, model="claude-x"):
    """Return a connection on which an answer has begun, which takes a second or two."""
    body = {
        "model": model,
        "max_tokens": 200,
        "stream": True,
        "messages": [{"role": "user", "content": "tiny-task-endless"}],
    }
    wire = Wire(pensieve.port)
    wire.send(post("/v1/messages", json.dumps(body).encode()))
    wire.read_until(b"content_block_delta")
    return wire


def pids(pensieve):
    status = pensieve.status()
    assert status["status"] == "ready"
    return status["worker_pid"], status["engine"]["pid"]


def test_the_same_model_is_taken_up_again_by_another_worker(pensieve):
    worker, engine = pids(pensieve)
    with stream(pensieve) as wire:
        reloaded = pensieve("reload")

        assert b"event: message_stop" in wire.read_all()
    assert reloaded.returncode == 0, reloaded.stderr
    assert reloaded.stdout.startswith("Reloaded: ")
    now = pids(pensieve)
    assert now[0] != worker
    assert now[1] == engine


@pytest.mark.parametrize(
    "change", ["model", pytest.param("engine", marks=pytest.mark.patient)]
)
def test_another_engine_comes_when_the_old_ones_answers_and_process_are_gone(
    pensieve, tiny_model_path, tmp_path, change
):
    worker, engine = pids(pensieve)
    model, batch = tiny_model_path, 4
    if change == "model":
        model = tmp_path / "other-tiny"
        shutil.copytree(tiny_model_path, model)
    else:
        batch = 3
    with EngineWatch(pensieve.home) as watch:
        with stream(pensieve) as wire:
            pensieve.configure(SETTINGS.format(model=model, batch=batch))
            reloaded = pensieve("reload")
            assert b"event: message_stop" in wire.read_all()
        now = pids(pensieve)

    assert reloaded.returncode == 0, reloaded.stderr
    assert now[0] != worker
    assert now[1] != engine
    assert (watch.seen[0], watch.seen[-1]) == ({engine}, {now[1]})
    assert max(map(len, watch.seen)) == 1
    if change == "model":
        assert pensieve.status()["model"] == "other-tiny"
        pensieve.configure(SETTINGS.format(model=tiny_model_path, batch=4))
        assert pensieve("reload").returncode == 0


def test_of_several_models_each_keeps_its_engine(pensieve, tiny_model_path, tmp_path):
    second = tmp_path / "second-tiny"
    shutil.copytree(tiny_model_path, second)
    settings = SETTINGS.replace("[engine]", 'more = ["{second}"]\n[engine]')
    several = settings.format(model=tiny_model_path, second=second, batch=4)
    pensieve.configure(several)

    assert pensieve("reload").returncode == 0

    with stream(pensieve, "second-tiny") as wire:
        wire.read_until(b"event: message_stop")
    engines = engines_by_model(pensieve)
    assert len({*engines.values()} - {0}) == 2
    worker = pensieve.status()["worker_pid"]
    with stream(pensieve, "second-tiny") as one, stream(pensieve) as other:
        assert pensieve("reload").returncode == 0
        assert b"event: message_stop" in one.read_all()
        assert b"event: message_stop" in other.read_all()
    assert pensieve.status()["worker_pid"] != worker
    assert engines_by_model(pensieve) == engines

    # Without the second, its engine is gone when the next worker begins.
    pensieve.configure(SETTINGS.format(model=tiny_model_path, batch=4))
    assert pensieve("reload").returncode == 0
    assert engines_by_model(pensieve).keys() == {tiny_model_path.name}
    assert is_gone(engines["second-tiny"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\nprot = 1\n", "config.toml:2: expected a setting of [server]"),
        ('[model]\nname = "no-such-model"\n', "no-such-model"),
    ],
)
def test_what_cannot_be_changes_nothing_and_is_the_answer(pensieve, text, told):
    before = pids(pensieve)
    kept = (pensieve.home / "config.toml").read_text()
    pensieve.configure(text)

    refused = pensieve("reload")

    pensieve.configure(kept)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: nothing changed: ")
    assert told in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert pids(pensieve) == before
    assert told in pensieve("logs").stdout


def test_a_reload_where_no_server_runs_says_so(pensieve):
    refused = pensieve("reload", "--port", "1")

    assert refused.returncode == 1
    assert "no server runs on port 1" in refused.stderr
