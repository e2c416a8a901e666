"""What gunicorn's master does beside gunicorn: it minds signals, and is known.

The master has no model and no event loop; it forks the worker and outlives it.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gunicorn.errors import HaltServer

from pensieve import places
from pensieve.serve import daemon, pid_file
from pensieve.serve import settings as config
from pensieve.serve.reload import end_outdated, reload

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter


def mind_signals(server: "Arbiter") -> None:
    """Let a second SIGTERM end the drain, and SIGHUP mean what was meant by it.

    It is a reload, but where the terminal was closed. A terminal's end is seen by its
    not being there any more; whoever wants a server to outlive one starts it by
    `pensieve start`, or with nohup.
    """
    # gunicorn has no hooks for these, and looks its methods up by their names.
    server.signal = _with_second_term(server.signal)
    server.murder_workers = _with_outdated(server, server.murder_workers)
    is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    had_terminal = _has_terminal()

    def hang_up() -> None:
        nonlocal had_terminal
        if not had_terminal or _has_terminal():
            reload(server)
            return
        had_terminal = False
        server.log.info("The terminal was closed")
        if not is_nohup:
            server.handle_term()

    server.handle_hup = hang_up


def _with_second_term(queue_signal: Any) -> Any:
    seen = set()

    def second_term_is_quit(number: int, frame: Any) -> None:
        is_second = number == signal.SIGTERM and number in seen
        seen.add(number)
        queue_signal(signal.SIGQUIT if is_second else number, frame)

    return second_term_is_quit


def _with_outdated(server: "Arbiter", murder_workers: Callable[[], None]) -> Any:
    had_outdated = False

    def murder_and_end_outdated() -> None:
        nonlocal had_outdated
        murder_workers()
        had_outdated = end_outdated(server) or had_outdated
        if had_outdated and not server.WORKERS:
            # Before a worker starts others: an engine whose model is no longer wanted
            # would keep its memory for a while.
            daemon.quit_engines(_known(server))
            had_outdated = False

    return murder_and_end_outdated


def _has_terminal() -> bool:
    """Whether this process's session has a terminal, and that is still open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        return error.errno not in (errno.ENXIO, errno.EIO, errno.ENOENT)
    return True


def register(server: "Arbiter") -> None:
    """Write the pid file, if `pensieve start` has not: it is how verbs find servers."""
    known = pid_file.read(config.settings.port)
    if known is not None and known.pid == server.pid:
        return
    try:
        pid_file.write(_described(server))
    except OSError as error:
        server.log.warning("`pensieve status` will not find this server: %s", error)


def _known(server: "Arbiter") -> pid_file.Server:
    """Return what the pid file says, or would say if there were one."""
    known = pid_file.read(config.settings.port)
    return known if known and known.pid == server.pid else _described(server)


def _described(server: "Arbiter") -> pid_file.Server:
    settings = config.settings
    return pid_file.Server(
        pid=server.pid,
        started_at=pid_file.started_at(server.pid),
        port=settings.port,
        host=settings.host,
        base_url=settings.base_url,
        model=settings.model,
        drain_timeout_s=settings.drain_timeout_s,
        log=str(places.server_log(settings.port)) if server.log.file else None,
        flags={},
        num_engines=len(settings.models),
        is_managed=True,
    )


def clean_up(server: "Arbiter") -> None:
    """End the engines, which would wait for another worker, and be known no more.

    To be called from gunicorn's hook. A server that did not end as it was told to stays
    known: `pensieve status` tells of it.
    """
    if server.reexec_pid or server.master_pid:
        return  # another master, the next or the one before, goes on with both
    known = _known(server)
    daemon.quit_engines(known)
    if not isinstance(sys.exc_info()[1], HaltServer):
        pid_file.remove(known.port)
