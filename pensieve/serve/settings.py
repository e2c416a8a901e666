"""gunicorn's settings: `gunicorn -c python:pensieve.serve.settings pensieve.serve:app`.

Made of Pensieve's own in gunicorn's master, at its start and at each reload (SIGHUP,
see `reload.py`). A worker goes by those that its master had when it was forked.
"""

import logging
import os
from typing import TYPE_CHECKING

from pensieve import prompt_log
from pensieve.config.load import load_settings
from pensieve.config.schema import Settings

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

settings: Settings
worker_connections: int
loglevel: str
graceful_timeout: int
"""Seconds; SIGKILL ends it, so it must be longer than the worker's whole shutdown."""


def take(new: Settings) -> None:
    """Have these settings from now on; gunicorn and new workers read them here."""
    global settings, worker_connections, loglevel, graceful_timeout
    settings = new
    worker_connections = new.max_connections
    loglevel = new.log_level
    graceful_timeout = round(new.drain_timeout_s) + 20


take(load_settings().settings)

bind = [settings.address]
workers = 1
worker_class = "pensieve.serve.worker.Worker"
logger_class = "pensieve.serve.gunicorn_log.Logger"
asgi_loop = "uvloop"
asgi_lifespan = "on"
preload_app = False

umask = 0o077
"""For Unix sockets. gunicorn itself is not bound by it; see `post_fork`."""

keepalive = 75
"""Seconds; longer than clients keep an idle connection, so that they close it first."""

timeout = 60
"""Seconds without a heartbeat of the event loop after which a worker is killed."""

# gunicorn's socket for commands has one path for all of a user's servers.
control_socket_disable = True

# The application writes a line for each request itself; see api/exchange.py.
accesslog = None
errorlog = "-"


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
    """Refuse an open door, and mind signals in Pensieve's way."""
    # Not at the top: what the master does goes by this module.
    from pensieve.serve import doors, master

    doors.check_bind(server, settings)
    master.mind_signals(server)


def when_ready(server: "Arbiter") -> None:
    """Refuse an open door that was inherited, and be known to the command line."""
    from pensieve.serve import doors, master

    doors.check_listeners(server, settings)
    master.register(server)


def on_exit(server: "Arbiter") -> None:
    """Leave nothing behind."""
    from pensieve.serve import master

    master.clean_up(server)


def post_fork(server: "Arbiter", worker: "Worker") -> None:
    """Send Pensieve's log where gunicorn's goes, and write for this user only.

    The engine inherits the mask, and what becomes of its log.
    """
    os.umask(umask)
    os.environ.update(settings.log_rotation.as_environment())
    prompt_log.switch(settings.log_prompts)
    log = logging.getLogger("pensieve")
    log.handlers = list(server.log.error_log.handlers)
    log.setLevel(server.log.error_log.level)
    log.propagate = False
