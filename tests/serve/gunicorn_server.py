"""A real gunicorn in a process of its own, and a bare socket to speak to it with."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent
SCRIPTED_APP = "serve.scripted_app:app"
PATIENCE_S = 20.0
"""For what takes well under a second on an idle machine."""
CONNECTION_S = 120.0
"""For all that a test does on one connection."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class GunicornServer:
    """Starts gunicorn as a deployment does; leaving the context ends it for certain."""

    def __init__(self, home, *arguments, app=SCRIPTED_APP, log=None, **settings):
        """Start it.

        Args:
            log: below home, where its output goes, {port} for its port.
        """
        self.port = settings.setdefault("port", free_port())
        log = (log or "gunicorn-{port}.log").format(port=self.port)
        self.log_path = Path(home) / log
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSIEVE_")}
        ours = {f"PENSIEVE_{k.upper()}": str(v) for k, v in settings.items()}
        places = {"PENSIEVE_HOME": str(home)}
        if app == SCRIPTED_APP:
            places["PYTHONPATH"] = str(TESTS)
        config = ["-c", "python:pensieve.serve.settings"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *config, *arguments, app],
                env=kept | ours | places,
                stdout=log,
                stderr=log,
            )

    def __enter__(self):
        try:
            self.wait_for_log("ASGI server listening")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def wait_for_log(self, what, count=1):
        """Wait until a pattern has come this often in the log."""
        deadline = time.monotonic() + PATIENCE_S
        while len(re.findall(what, self.log)) < count:
            assert time.monotonic() < deadline, f"no {what!r} in:\n{self.log}"
            assert self.process.poll() is None, f"ended:\n{self.log}"
            time.sleep(0.02)

    def worker_pid(self):
        """Return the newest worker's pid."""
        return int(re.findall(r"Booting worker with pid: (\d+)", self.log)[-1])

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Wait until gunicorn has ended; return its exit status."""
        return self.process.wait(PATIENCE_S)

    def connect(self, patience_s=PATIENCE_S):
        return Wire(self.port, patience_s)

    def ask(self, script, stream=True):
        """Send a request for a script's answer; return the connection."""
        wire = self.connect()
        wire.send(message_request(script, stream))
        return wire


def message_request(script, stream=True):
    """Return the bytes of a POST /v1/messages."""
    body = {
        "model": f"claude-{script}",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": stream,
    }
    return post("/v1/messages", json.dumps(body).encode())


def post(path, body):
    """Return the bytes of a POST with the local key."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "X-Api-Key: pensieve-local-token",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Wire:
    """A connection, read and written by hand."""

    def __init__(self, port, patience_s=PATIENCE_S):
        self._socket = socket.create_connection(("127.0.0.1", port), patience_s)
        self._deadline = time.monotonic() + CONNECTION_S
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def read_until(self, what, count=1):
        """Read until these bytes have come this often; return all that has come."""
        while self.received.count(what) < count:
            self._read(f"{what!r}")
        return self.received

    def read_all(self):
        """Read until the server closes; return all that has come."""
        with contextlib.suppress(EOFError):
            while True:
                self._read("the end")
        return self.received

    def read_answer(self):
        """Read one answer that says its length; return (status, headers, body)."""
        head = self.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")[0].decode()
        line, *fields = head.split("\r\n")
        headers = {k.lower(): v for k, v in (field.split(": ", 1) for field in fields)}
        size = len(head) + 4 + int(headers["content-length"])
        while len(self.received) < size:
            self._read(f"{size} bytes")
        body = self.received[len(head) + 4 : size]
        self.received = self.received[size:]
        return int(line.split(" ")[1]), headers, body

    def _read(self, awaited):
        if time.monotonic() > self._deadline:
            raise TimeoutError(f"no {awaited}: {self.received[-1000:]!r}")
        piece = self._socket.recv(65536)
        if not piece:
            raise EOFError(f"closed before {awaited}: {self.received!r}")
        self.received += piece
