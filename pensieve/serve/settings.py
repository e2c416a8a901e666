"""gunicorn's settings: `gunicorn -c python:pensieve.serve.settings pensieve.serve:app`.

Made of Pensieve's own once, in gunicorn's master: a reload (SIGHUP) starts a new worker
with the same ones, and only a restart reads them again.
"""

import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from pensieve import prompt_log
from pensieve.config.load import load_settings
from pensieve.config.schema import is_loopback
from pensieve.keys import refusal

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

settings = load_settings({}).settings

bind = [settings.address]
workers = 1
worker_class = "pensieve.serve.worker.Worker"
worker_connections = settings.max_connections
asgi_loop = "uvloop"
asgi_lifespan = "on"
preload_app = False

umask = 0o077
"""For Unix sockets. gunicorn itself is not bound by it; see `post_fork`."""

keepalive = 75
"""Seconds; longer than clients keep an idle connection, so that they close it first."""

timeout = 60
"""Seconds without a heartbeat of the event loop after which a worker is killed."""

graceful_timeout = round(settings.drain_timeout_s) + 20
"""Seconds; SIGKILL ends it, so it must be longer than the worker's whole shutdown."""

# gunicorn's socket for commands has one path for all of a user's servers.
control_socket_disable = True

# The application writes a line for each request itself; see api/exchange.py.
accesslog = None
errorlog = "-"
loglevel = settings.log_level


def nworkers_changed(server: "Arbiter", new_value: int, old_value: int | None) -> None:
    """Refuse more workers than one, from wherever that number came."""
    if new_value <= 1:
        return
    why = (
        f"workers: expected 1, got {new_value}: one process carries far more events a"
        " second than a model makes tokens, and each would want an engine of its own"
    )
    if old_value is None:
        raise RuntimeError(why)
    server.log.error(why)
    server.num_workers = 1


def on_starting(server: "Arbiter") -> None:
    """Refuse an open door, and let a second SIGTERM end the drain.

    gunicorn's command line and environment go before this file, so that what was
    decided here is looked at once more.
    """
    hosts = [host for host, *_ in server.cfg.address if isinstance(host, str)]
    exposed = [host for host in hosts if not is_loopback(host)]
    for host in exposed:
        refused = refusal(settings.api_key, settings.more_api_keys, host)
        if refused is not None:
            raise RuntimeError(f"bind: {refused.why}")
    queue_signal = server.signal
    seen = set()

    def second_term_is_quit(number: int, frame: Any) -> None:
        is_second = number == signal.SIGTERM and number in seen
        seen.add(number)
        queue_signal(signal.SIGQUIT if is_second else number, frame)

    server.signal = second_term_is_quit


def post_fork(server: "Arbiter", worker: "Worker") -> None:
    """Send Pensieve's log where gunicorn's goes, and write for this user only.

    The engine inherits the mask.
    """
    os.umask(umask)
    prompt_log.switch(settings.log_prompts)
    log = logging.getLogger("pensieve")
    log.handlers = list(server.log.error_log.handlers)
    log.setLevel(server.log.error_log.level)
    log.propagate = False
