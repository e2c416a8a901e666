"""A Pensieve server that a benchmark starts, and its answers with the time of each."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

HEADERS = {"x-api-key": "pensieve-local-token", "content-type": "application/json"}


class Served:
    """A Pensieve server of this run's own, on loopback.

    Args:
        settings: beside the model, by name.
    """

    def __init__(self, model: str, home: Path, **settings: object) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        ours = {f"PENSIEVE_{name.upper()}": str(v) for name, v in settings.items()}
        self._environ = {**os.environ, "PENSIEVE_HOME": str(home), **ours}
        self._model = model

    def pensieve(self, *words: str) -> str:
        """Run the command line and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "pensieve", *words],
            env=self._environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def start(self) -> float:
        """Start the server; return the seconds until it was ready."""
        began = time.perf_counter()
        self.pensieve("start", "--model", self._model, "--port", str(self.port))
        return time.perf_counter() - began

    def stop(self) -> None:
        """Stop the server and its engine."""
        self.pensieve("stop", "--port", str(self.port))

    def http_memory_bytes(self) -> int:
        """Return the resident memory of the HTTP worker."""
        pid = self._health()["pid"]
        assert isinstance(pid, int)
        return psutil.Process(pid).memory_info().rss

    def token_times(self, requests: list[bytes]) -> list[list[float]]:
        """Return, for each request, the seconds until each text delta."""
        times: list[list[float]] = [[] for _ in requests]
        threads = [
            threading.Thread(target=self._stream, args=(body, into))
            for body, into in zip(requests, times, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return times

    def events(self, body: bytes) -> Iterator[tuple[float, dict[str, Any]]]:
        """Yield each event of a streamed answer, and the seconds until it came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        began = time.perf_counter()
        connection.request("POST", "/v1/messages", body, HEADERS)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        for line in response:
            if line.startswith(b"data:"):
                yield time.perf_counter() - began, json.loads(line[5:])
        connection.close()

    def _stream(self, body: bytes, times: list[float]) -> None:
        output_tokens = 0
        for time_s, event in self.events(body):
            if event["type"] == "content_block_delta":
                times.append(time_s)
            elif event["type"] == "message_delta":
                output_tokens = event["usage"]["output_tokens"]
        # Deltas can be fewer than tokens (half characters): rates count the tokens.
        times.extend([times[-1]] * (output_tokens - len(times)))

    def _health(self) -> dict[str, object]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/health")
        health: dict[str, object] = json.load(connection.getresponse())
        return health
