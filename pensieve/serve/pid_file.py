"""The servers of this home: one pid file for each port.

A pid is only believed together with its process's start time and command line: the
number alone may belong to another program by now.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from pensieve import places
from pensieve.errors import PensieveError

APP = "pensieve.serve:app"
"""What gunicorn is told to serve; it stands in the command line of its processes."""

_CLOCK_STEP_S = 60.0
"""A start time read twice may differ by this much when the system's clock is set, that
of a virtual machine that had been paused above all: it counts from the clock's zero."""


class Reloads(msgspec.Struct, frozen=True):
    """What became of the last request to reload the settings."""

    number: int = 0
    """How many there were."""
    refused: str = ""
    """Why nothing was changed; empty: it was done."""
    notes: list[str] = []
    """What was left as it was, nevertheless."""


class Server(msgspec.Struct, frozen=True):
    """A server as its pid file describes it."""

    pid: int
    """gunicorn's master. It leads a session that holds its workers and nothing else."""
    started_at: float
    """Seconds since 1970, as the operating system tells it of the process."""
    port: int
    host: str
    base_url: str
    model: str
    drain_timeout_s: float
    log: str | None
    """None: it runs in the foreground."""
    flags: dict[str, str | int]
    """What it was started with on the command line; `pensieve restart` repeats them."""
    num_engines: int = 1
    """As many as there may be, one for each model."""
    is_managed: bool = False
    """Whether gunicorn was started by somebody else, systemd or launchd for one."""
    reloads: Reloads = Reloads()

    def is_running(self) -> bool:
        """Whether this very process still runs."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < _CLOCK_STEP_S
            return is_same and _serves_pensieve(process)
        except psutil.Error:
            return False

    def workers(self) -> list[psutil.Process]:
        """Return the living processes of its session, the master left out."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid != self.pid
            and _session_of(process) == self.pid
            and _serves_pensieve(process)
        ]


def started_at(pid: int) -> float:
    """Return when a process of ours was started."""
    created_at: float = psutil.Process(pid).create_time()
    return created_at


def path(port: int) -> Path:
    """Return where the pid file of the server on `port` is."""
    return places.run_dir() / f"server-{port}.json"


def read(port: int) -> Server | None:
    """Return what the pid file says, whether or not that process still runs."""
    try:
        return msgspec.json.decode(path(port).read_bytes(), type=Server)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write(server: Server) -> None:
    """Put the server's pid file in its place, whole or not at all."""
    target = places.private_dir(places.run_dir()) / path(server.port).name
    places.write_private(target, msgspec.json.format(msgspec.json.encode(server)))


def remove(port: int) -> None:
    """Remove the pid file, if there is one."""
    path(port).unlink(missing_ok=True)


def running() -> list[Server]:
    """Return all servers of this home that run, by port."""
    ports = sorted(
        int(number)
        for file in places.run_dir().glob("server-*.json")
        if (number := file.stem.removeprefix("server-")).isdecimal()
    )
    found = [read(port) for port in ports]
    return [server for server in found if server is not None and server.is_running()]


@contextlib.contextmanager
def locked(port: int) -> Iterator[None]:
    """Keep others from starting or stopping the server on `port` meanwhile.

    Raises:
        PensieveError: somebody is doing that now.
    """
    file = places.private_dir(places.run_dir()) / f"server-{port}.lock"
    # Closed on exec, so that the server that is started does not hold the lock on.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PensieveError(
                f"port {port}: another `pensieve start` or `stop` is at work on it"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _serves_pensieve(process: psutil.Process) -> bool:
    try:
        return any(APP in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None
