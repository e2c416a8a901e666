"""Servers that are measured: one that runs already, Pensieve, others by a command."""

import contextlib
import http.client
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pensieve.errors import PensieveError

from ..rivals import Rival
from .arrivals import Endpoint
from .served import Served

START_S = 600.0
"""A model of many gigabytes may have to be read, or fetched."""
END_S = 30.0


class Server(Protocol):
    """One that answers."""

    name: str
    endpoint: Endpoint
    can_restart: bool

    def restart(self) -> None:
        """End it, and return when it answers again."""

    def close(self) -> None:
        """End it, if this run started it."""


class Given:
    """A server that somebody else runs."""

    can_restart = False

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name = name
        self.endpoint = endpoint

    def restart(self) -> None:
        """Refuse: it is not this run's.

        Raises:
            PensieveError: always.
        """
        raise PensieveError(f"{self.name}: this run did not start it")

    def close(self) -> None:
        """Leave it running."""


class OwnPensieve:
    """Pensieve with a home of its own, started and stopped by its command."""

    name = "pensieve"
    can_restart = True

    def __init__(self, model: str) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="pensieve-bench-")
        self._served = Served(model, Path(self._home.name))
        self.endpoint = Endpoint(f"http://127.0.0.1:{self._served.port}")
        try:
            self._served.start()
        except subprocess.CalledProcessError as error:
            self._home.cleanup()
            raise PensieveError(f"pensieve start: {error.stderr.strip()}") from error

    def restart(self) -> None:
        """Stop it, which writes what it knows to disk, and start it again."""
        self._served.stop()
        self._served.start()

    def close(self) -> None:
        """Stop it and remove its home."""
        self._served.stop()
        self._home.cleanup()


class Commanded:
    """A server that a command starts, in a process group of its own.

    Args:
        model: what stands for {model} in the command.
    """

    can_restart = True

    def __init__(self, rival: Rival, model: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.name = rival.name
        self._command = [
            word.replace("{port}", str(port)).replace("{model}", model)
            for word in shlex.split(rival.command)
        ]
        named = rival.request_model.replace("{model}", model)
        self.endpoint = Endpoint(f"http://127.0.0.1:{port}", model=named, api=rival.api)
        self._folder = tempfile.TemporaryDirectory(prefix="pensieve-bench-")
        self._log = Path(self._folder.name) / "log"
        try:
            self._start()
        except PensieveError:
            self._folder.cleanup()
            raise

    def restart(self) -> None:
        """End it and start it again."""
        self._end()
        self._start()

    def close(self) -> None:
        """End it."""
        self._end()
        self._folder.cleanup()

    def _start(self) -> None:
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise PensieveError(
                f"{self._command[0]}: {error.strerror}; is {self.name} installed?"
            ) from error
        deadline = time.monotonic() + START_S
        while not answers(self.endpoint.url):
            if (status := self._process.poll()) is not None:
                raise PensieveError(
                    f"{self.name} ended with {status}: {self._last_words()}"
                )
            if time.monotonic() > deadline:
                self._end()
                raise PensieveError(f"{self.name}: no answer within {START_S:.0f} s")
            time.sleep(0.2)

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace").strip()[-400:]


def answers(url: str) -> bool:
    """Return whether a server answers requests, however it does."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/v1/models")
        with connection.getresponse() as response:
            return response.status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
