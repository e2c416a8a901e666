"""A gunicorn with the server's own settings, and the CPU time of its one worker."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

START_S = 60.0
KEY = "pensieve-local-token"


class HttpWorker:
    """Serves an application on loopback until it is stopped.

    Args:
        app: as gunicorn names it.
        home: a folder of this run's own.
        environ: beside what this process has.
    """

    def __init__(self, app: str, home: Path, environ: Mapping[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        ours = {"PENSIEVE_HOME": str(home), "PENSIEVE_PORT": str(self.port)}
        self.log_path = home / f"{app}.log".replace(":", "-")
        settings = ["-c", "python:pensieve.serve.settings"]
        with self.log_path.open("wb") as log:
            self._master = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *settings, app],
                env={**os.environ, **ours, **environ},
                stdout=log,
                stderr=log,
            )
        self.pid = self._ready_worker()

    def stop(self) -> None:
        """End it."""
        self._master.send_signal(signal.SIGQUIT)
        self._master.wait(timeout=30)

    def cpu_s(self) -> float:
        """Return the CPU time of the worker so far, of all its threads."""
        try:  # in nanoseconds, where the kernel has it; else in hundredths of a second
            tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
            return (
                sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
                / 1e9
            )
        except OSError:
            times = psutil.Process(self.pid).cpu_times()
            return times.user + times.system

    def ask(self, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """Ask for a message and return the answer's body, chunked as it came."""
        return self.post("/v1/messages", body, headers)

    def post(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Send a request and return the answer's body, chunked as it came."""
        lines = [
            f"POST {path} HTTP/1.1",
            "host: 127.0.0.1",
            f"x-api-key: {KEY}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        pieces: list[bytes] = []
        with socket.create_connection(("127.0.0.1", self.port), timeout=600) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            while not (pieces and pieces[-1].endswith(b"0\r\n\r\n")):
                piece = wire.recv(1 << 16)
                if not piece:
                    raise ConnectionError(f"cut short: {b''.join(pieces)[-500:]!r}")
                pieces.append(piece)
        head, _, answer = b"".join(pieces).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"expected status 200, got {head!r} {answer!r}")
        return answer

    def ask_together(self, bodies: list[bytes]) -> list[bytes]:
        """Send requests at the same time and return the answers' bodies."""
        answers = [b""] * len(bodies)

        def ask(index: int) -> None:
            answers[index] = self.ask(bodies[index])

        threads = [
            threading.Thread(target=ask, args=(index,)) for index in range(len(bodies))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def _ready_worker(self) -> int:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._master.poll() is None:
            if b"ASGI server listening" in self.log_path.read_bytes():
                (worker,) = psutil.Process(self._master.pid).children()
                return int(worker.pid)
            time.sleep(0.05)
        raise RuntimeError(f"not ready:\n{self.log_path.read_text()}")


def frames_of(answer: bytes) -> list[str]:
    """Return the event frames of an answer's body, out of its chunks."""
    text = b""
    while answer:
        size, _, answer = answer.partition(b"\r\n")
        length = int(size, 16)
        text += answer[:length]
        answer = answer[length + 2 :]
    return [frame + "\n\n" for frame in text.decode().split("\n\n") if frame]


def events_of(answer: bytes) -> list[dict[str, Any]]:
    """Return the events of an answer's body."""
    return [json.loads(frame.split("data: ", 1)[1]) for frame in frames_of(answer)]
