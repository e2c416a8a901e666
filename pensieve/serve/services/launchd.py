"""An agent for launchd: the server starts at login, and again if it fails.

launchd hands its sockets over by a call (launch_activate_socket) that gunicorn does not
make, so that the server listens itself. Written after Apple's manual; it has never run
on a Mac.
"""

import os
import plistlib
from pathlib import Path
from typing import Any

from pensieve import places
from pensieve.config.schema import Settings
from pensieve.serve import daemon
from pensieve.serve.services.service import Command, Run, State, do

TOOL = "launchctl"
LABEL = "local.pensieve"


def files(settings: Settings) -> dict[Path, bytes]:
    """Return the property list by its path."""
    return {path: plistlib.dumps(agent(settings)) for path in paths()}


def paths() -> list[Path]:
    """Return where the property list is."""
    return [Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"]


def agent(settings: Settings) -> dict[str, Any]:
    """Return the property list; no secrets are in it."""
    environment = {}
    if home := os.environ.get("PENSIEVE_HOME"):
        environment["PENSIEVE_HOME"] = str(Path(home).expanduser().absolute())
    log = str(places.server_log(settings.port))
    return {
        "Label": LABEL,
        "ProgramArguments": daemon.command(),
        "EnvironmentVariables": environment,
        "WorkingDirectory": str(places.run_dir()),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        # launchd sends SIGTERM, and SIGKILL so many seconds later.
        "ExitTimeOut": round(settings.drain_timeout_s + daemon.STOP_MARGIN_S),
        "ProcessType": "Interactive",  # others are given little of the processor
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }


def commands() -> list[Command]:
    """Return what has launchd read the list, and start the server."""
    [path] = paths()
    return [[TOOL, "bootstrap", _domain(), str(path)]]


def take_up(is_new: bool, run: Run) -> None:
    """Have it do so, anew if the list is another than what it knows.

    Raises:
        PensieveError: it does not.
    """
    if _is_loaded(run):
        if not is_new:
            return
        give_up(run)
    do(commands(), run)


def give_up(run: Run) -> None:
    """End the server, and have launchd forget it.

    Raises:
        PensieveError: that failed.
    """
    if _is_loaded(run):
        do([[TOOL, "bootout", _target()]], run)


def forget(run: Run) -> None:
    """Do nothing: launchd has forgotten it."""


def state(run: Run) -> State:
    """Return what launchd says."""
    is_loaded = _is_loaded(run)
    listed = run([TOOL, "list", LABEL]).said if is_loaded else ""
    is_running = '"PID"' in listed
    told = {
        "enabled": "loaded" if is_loaded else "not loaded",
        "running": "running" if is_running else "not running",
    }
    return State(told, is_running)


def advice() -> list[str]:
    """Return what may be wanted next."""
    return [
        f"after another installation:  launchctl kickstart -k {_target()}",
        "its log:                     pensieve logs -f",
    ]


def _is_loaded(run: Run) -> bool:
    return run([TOOL, "print", _target()]).is_done


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _target() -> str:
    return f"{_domain()}/{LABEL}"
