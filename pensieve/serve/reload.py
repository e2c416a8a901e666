"""A reload, at SIGHUP: settings are read again while the server runs.

Nothing changes before all of them are known to be good. Then

* where the model, engine, cache and memory stay what they are, a new worker starts at
  once and takes the running engine up, while the old one ends its answers;
* where they change, the old worker ends its answers first, and what comes meanwhile
  waits to be accepted; then the engines end, and the new worker starts its own when
  their processes are gone: old and new models are never in memory together.

gunicorn's own reload ends the master where a file has a mistake, and looks at no signal
until the old worker is gone. Here its main loop does the waiting.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from pensieve.config.fields import FIELDS, place
from pensieve.config.load import load_settings
from pensieve.config.schema import Settings
from pensieve.errors import ModelError, PensieveError
from pensieve.serve import doors, pid_file
from pensieve.serve import settings as config

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

ENGINE_SECTIONS = {"model", "engine", "cache", "memory"}
"""Of the settings that an engine is started with."""

FIXED = ("host", "port")
"""Settings that stay: sockets are open, and files named, by them."""

_CHECK_S = 60.0
"""What it may take to look at a model's files."""


def reload(server: "Arbiter") -> None:
    """Read the settings and go by them, or say why not and change nothing."""
    before = config.settings
    try:
        settings, notes = _read(before)
        doors.check_keys(settings, doors.addresses_of(server))
        if server.app.app_uri == pid_file.APP:
            _check_models(settings.models)
    except PensieveError as error:
        server.log.error("Nothing reloaded: %s", error)
        _tell(server, before, refused=str(error))
        return
    for note in notes:
        server.log.warning("%s", note)
    changed = [str(place(n)) for n in FIELDS if _differ(before, settings, n)]
    server.log.info("Reloaded, changed: %s", ", ".join(changed) or "nothing")
    config.take(settings)
    server.app.reload()
    server.setup(server.app)
    if not _outdated(server):
        server.spawn_worker()  # the main loop ends the one before
    _tell(server, settings, notes=notes)


def end_outdated(server: "Arbiter") -> bool:
    """Tell workers to end whose engine is another than the settings want by now.

    Returns whether there are any.

    To be called each time round the main loop, which starts a new one when they are
    gone. A worker that has just been forked does not hear it the first time.
    """
    pids = _outdated(server)
    for pid in pids:
        server.kill_worker(pid, signal.SIGTERM)
    return bool(pids)


def _outdated(server: "Arbiter") -> list[int]:
    # By each worker's own: one may still be ending since a reload earlier.
    return [
        pid
        for pid, worker in server.WORKERS.items()
        if not same_engine(worker.settings, config.settings)
    ]


def same_engine(one: Settings, other: Settings) -> bool:
    """Whether an engine that was started with one serves the other, too."""
    names = (name for name in FIELDS if place(name).section in ENGINE_SECTIONS)
    return not any(_differ(one, other, name) for name in names)


def _read(before: Settings) -> tuple[Settings, list[str]]:
    """Return the settings, and what is told of those that stay.

    Raises:
        ConfigError: they have a mistake.
    """
    loaded = load_settings()
    notes = [
        f"{loaded.sources[name]}: {place(name)} stays {getattr(before, name)}: a reload"
        " cannot change where the server listens, a restart does"
        for name in FIXED
        if _differ(before, loaded.settings, name)
    ]
    kept = {name: getattr(before, name) for name in FIXED}
    return msgspec.structs.replace(loaded.settings, **kept), notes


def _check_models(names: list[str]) -> None:
    """Look whether the new worker could serve them; one that cannot ends its master.

    In another process: the master stays small.

    Raises:
        ModelError: one cannot be served.
    """
    words = [sys.executable, "-P", "-m", "pensieve.serve.preflight", *names]
    try:
        checked = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CHECK_S,
        )
    except subprocess.TimeoutExpired as error:
        what = ", ".join(names)
        raise ModelError(f"{what}: looking at files took {_CHECK_S:.0f} s") from error
    if checked.returncode != 0:
        told = checked.stderr.strip().splitlines() or ["they cannot be looked at"]
        raise ModelError(told[-1])


def _tell(
    server: "Arbiter",
    settings: Settings,
    refused: str = "",
    notes: Sequence[str] = (),
) -> None:
    """Tell the command line, by the pid file, what became of the reload."""
    known = pid_file.read(settings.port)
    if known is None or known.pid != server.pid:
        return
    reloads = pid_file.Reloads(known.reloads.number + 1, refused, [*notes])
    now = msgspec.structs.replace(
        known,
        model=settings.model,
        drain_timeout_s=settings.drain_timeout_s,
        num_engines=max(known.num_engines, len(settings.models)),
        reloads=reloads,
    )
    try:
        pid_file.write(now)
    except OSError as error:
        server.log.warning("`pensieve reload` will not hear of this: %s", error)


def _differ(one: Settings, other: Settings, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))
