"""The whole server over a real model: gunicorn, worker and engine."""

import json
import time
import urllib.error
import urllib.request

import psutil
from serve.gunicorn_server import GunicornServer

from pensieve.link.process import quit_engine

LOAD_S = 120.0
"""For a small model on a busy machine."""


class RealServer(GunicornServer):
    """Serves a model until the context is left; then neither process lives."""

    def __init__(self, home, model, *arguments, **settings):
        app = "pensieve.serve:app"
        super().__init__(home, *arguments, app=app, model=model, **settings)
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.socket_path = home / "run" / f"engine-{self.port}.sock"
        """The main model's engine's."""

    def __enter__(self):
        super().__enter__()
        self.wait_until_ready()
        return self

    def __exit__(self, *exc):
        engines = self.engine_pids()
        super().__exit__(*exc)
        for path in self.socket_path.parent.glob(f"{self.socket_path.stem}*.sock"):
            quit_engine(path)
        for engine in engines:
            wait_for_end(engine)

    def engine_pids(self):
        """Return the pids of this server's engines, the newest last, however it is."""
        starts = [str(self.socket_path), str(self.socket_path.with_suffix("")) + "-"]
        return [
            process.pid
            for process in psutil.process_iter()
            if any(start in " ".join(words_of(process)) for start in starts)
        ]

    def health(self):
        """Return /health's body, whatever its status."""
        try:
            with urllib.request.urlopen(f"{self.base_url}/health") as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def wait_until_ready(self):
        deadline = time.monotonic() + LOAD_S
        while (health := self.health())["status"] != "ready":
            assert health["status"] != "failed", health
            assert time.monotonic() < deadline, health
            time.sleep(0.1)

    def engine_pid(self):
        return self.health()["engine"]["pid"]


def words_of(process):
    """Return a process's command line, empty where there is none to be seen."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def wait_for_end(pid, timeout_s=20.0):
    """Wait until a process has ended; a zombie has."""
    deadline = time.monotonic() + timeout_s
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.05)


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
