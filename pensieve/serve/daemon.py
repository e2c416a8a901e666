"""Starts and stops the server: gunicorn in a session of its own.

One server a port. The pid file is written by the one who starts it and removed by the
one who stops it (that of a server which others started, by itself: `master.py`);
whatever a killed server leaves behind is cleaned up by the next of the two. The engine
processes are not children of this server's session: they are told to quit over their
sockets.
"""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from pensieve import places
from pensieve.config.schema import Settings
from pensieve.config.written import variable_name
from pensieve.errors import PensieveError
from pensieve.link.process import quit_engine
from pensieve.serve import pid_file
from pensieve.serve.pid_file import APP, Server
from pensieve.serve.probe import ask_health

SETTINGS_MODULE = "python:pensieve.serve.settings"

STOP_MARGIN_S = 30.0
"""What gunicorn gets beyond the drain time: it kills its worker 20 s into it, and then
ends the engine, which gets 5 s."""

_UNUSED_S = 3.0
"""How long gunicorn takes to end when no answer is running, and then some."""

_CUT_S = 10.0
"""What it gets when it is told a second time, which cuts running answers off."""

_ORPHAN_S = 3.0
"""A worker looks once a second whether its master lives, and ends where it does not."""

RELOAD_S = 90.0
"""What a server gets to say what became of a reload; it takes a second or two."""

_FOREIGN_VARIABLES = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY")
"""gunicorn's own, which would override Pensieve's settings."""


def command() -> list[str]:
    """Return the command line of the server.

    -P: what lies in the working directory must not shadow an installed module.
    """
    return [sys.executable, "-P", "-m", "gunicorn", "-c", SETTINGS_MODULE, APP]


def environment(flags: Mapping[str, str | int]) -> dict[str, str]:
    """Return this process's environment with the flags in it.

    What is in the settings file is left there: the server reads it again at a reload.
    """
    kept = {k: v for k, v in os.environ.items() if k not in _FOREIGN_VARIABLES}
    if home := kept.get("PENSIEVE_HOME"):
        kept["PENSIEVE_HOME"] = str(Path(home).expanduser().absolute())
    return kept | {variable_name(name): str(value) for name, value in flags.items()}


def start(
    settings: Settings, flags: Mapping[str, str | int], foreground: bool = False
) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start the server and return at once; `probe.watch` tells when it is ready.

    The caller holds `pid_file.locked(settings.port)` and has seen that none runs.

    Args:
        settings: that hold here, where the server will read them itself.
        flags: those of the settings that neither variables nor the file has.

    Raises:
        PensieveError: the address cannot be listened on.
        OSError: the log or the pid file cannot be written.
    """
    if (leftover := pid_file.read(settings.port)) is not None:
        clean_up(leftover)
    check_address(settings)
    log = None
    if not foreground:
        places.private_dir(places.logs_dir())
        log = places.open_private(places.server_log(settings.port), "ab")
    try:
        process = subprocess.Popen(
            command(),
            env=environment(flags),
            cwd=places.private_dir(places.run_dir()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
        )
    finally:
        if log is not None:
            log.close()
    server = Server(
        pid=process.pid,
        started_at=pid_file.started_at(process.pid),
        port=settings.port,
        host=settings.host,
        base_url=settings.base_url,
        model=settings.model,
        drain_timeout_s=settings.drain_timeout_s,
        log=None if foreground else str(places.server_log(settings.port)),
        flags=dict(flags),
        num_engines=len(settings.models),
    )
    try:
        pid_file.write(server)
    except BaseException:
        process.kill()  # without a pid file nobody could stop it
        process.wait()
        raise
    return server, process


def stop(server: Server, still_waiting: Callable[[], None]) -> bool:
    """End the server and its engine; return whether it ended by itself.

    Running answers get the server's drain time; then it is killed.

    Args:
        still_waiting: called once, when ending takes longer than it does unused.
    """
    begun = time.monotonic()
    _signal(server.pid, signal.SIGTERM)
    if not _ends(server, _UNUSED_S):
        still_waiting()
    deadline = begun + server.drain_timeout_s + STOP_MARGIN_S
    return _see_off(server, deadline - time.monotonic())


def cut(server: Server) -> bool:
    """End the server within seconds; return whether it did so by itself.

    One that is stopping already cuts its running answers off at this second signal.
    """
    _signal(server.pid, signal.SIGTERM)
    return _see_off(server, _CUT_S)


def _see_off(server: Server, timeout_s: float) -> bool:
    """Wait for the end of a server that was told to; kill one that does not end."""
    by_itself = _ends(server, timeout_s)
    if by_itself:
        clean_up(server)
    else:
        kill(server)
    return by_itself


def reload(server: Server) -> Server:
    """Have a running server read its settings again; return what it says of that.

    Raises:
        PensieveError: it ended, or did not answer within RELOAD_S.
    """
    _signal(server.pid, signal.SIGHUP)
    deadline = time.monotonic() + RELOAD_S
    while time.monotonic() < deadline:
        now = pid_file.read(server.port)
        if now is not None and now.reloads.number > server.reloads.number:
            return now
        if not server.is_running():
            raise PensieveError(f"the server on port {server.port} ended meanwhile")
        time.sleep(0.05)
    raise PensieveError(
        f"the server on port {server.port} did not say in {RELOAD_S:.0f} s what became"
        " of the reload; its log may"
    )


def kill(server: Server) -> None:
    """End the server, whatever it does."""
    if server.is_running():
        _signal(server.pid, signal.SIGKILL)
        _ends(server, _ORPHAN_S)
    clean_up(server)


def clean_up(server: Server) -> None:
    """End what a server that no longer runs has left: workers, engines, pid file."""
    workers = server.workers()
    if workers:
        _, alive = psutil.wait_procs(workers, timeout=_ORPHAN_S)
        for worker in alive:
            _signal(worker.pid, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=_ORPHAN_S)
    quit_engines(server)
    pid_file.remove(server.port)


def quit_engines(server: Server) -> None:
    """End the engines that a server has left, which would wait for another worker."""
    sockets = [places.engine_socket(server.port, n) for n in range(server.num_engines)]
    with ThreadPoolExecutor() as pool:  # each may have files to write before it ends
        list(pool.map(quit_engine, sockets))


def last_words(server: Server) -> str:
    """Return the last line of the server's log, empty where there is none."""
    if server.log is None:
        return ""
    try:
        text = Path(server.log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _ends(server: Server, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while server.is_running():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def check_address(settings: Settings) -> None:
    """Find out before gunicorn does: it tries for 5 s, and tells its log only.

    Raises:
        PensieveError: it is taken, or none of this machine's.
    """
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise PensieveError(
            f"host: expected an address of this machine, got {host}: {error.strerror}"
        ) from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise PensieveError(_why_not(settings, error)) from error


def _why_not(settings: Settings, error: OSError) -> str:
    host, port = settings.host, settings.port
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host: expected an address of this machine, got {host}"
    if error.errno == errno.EACCES:
        return f"port {port}: this user may not listen on it; choose one above 1023"
    if error.errno != errno.EADDRINUSE:
        return f"{settings.address}: cannot listen there: {error.strerror}"
    if ask_health(settings.base_url, timeout_s=1.0) is not None:
        owner = "a Pensieve that was not started from this PENSIEVE_HOME"
    else:
        owner = _listener(port) or "another program"
    return f"port {port} is taken by {owner}; choose another with --port"


def _listener(port: int) -> str | None:
    """Return who listens on the port, where the system lets this user know."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            is_listening = connection.status == psutil.CONN_LISTEN
            # [1:], as a socket without an address has an empty tuple.
            if is_listening and connection.laddr[1:] == (port,) and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f"{name} (pid {connection.pid})"
    except psutil.Error:
        pass
    return None
