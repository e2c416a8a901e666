"""What there is to do with a service, whichever manager it is for."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from pensieve import places
from pensieve.config.schema import Settings
from pensieve.errors import PensieveError

Command = list[str]


class Ran(NamedTuple):
    """What became of a command."""

    is_done: bool
    said: str
    """Its output, or where it has none its complaint."""


Run = Callable[[Command], Ran]


class State(NamedTuple):
    """What a manager says of the service."""

    told: dict[str, str]
    """For people: what about it, and how that is."""
    is_running: bool


class Manager(Protocol):
    """A module for one service manager; see `systemd.py`."""

    TOOL: str
    """The program that it is spoken to with."""

    def files(self, settings: Settings) -> dict[Path, bytes]:
        """Return what it reads, by path."""

    def paths(self) -> list[Path]:
        """Return where that is, whatever the settings are."""

    def commands(self) -> list[Command]:
        """Return what a person types to have it run the service."""

    def take_up(self, is_new: bool, run: Run) -> None:
        """Have it run the service from now on.

        Args:
            is_new: whether a file was written that was not there, or not like that.

        Raises:
            PensieveError: it does not.
        """

    def give_up(self, run: Run) -> None:
        """End the service, before its files are removed; raises likewise."""

    def forget(self, run: Run) -> None:
        """Have it see that they are gone; raises likewise."""

    def state(self, run: Run) -> State:
        """Return what it says."""

    def advice(self) -> list[str]:
        """Return what may be wanted next, line by line."""


def run(command: Command) -> Ran:
    """Run a command to its end, however long it takes to stop a server."""
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return Ran(False, str(error))
    return Ran(ran.returncode == 0, ran.stdout.strip() or ran.stderr.strip())


def is_here(manager: Manager) -> bool:
    """Whether the manager can be spoken to at all."""
    return shutil.which(manager.TOOL) is not None


def write(manager: Manager, settings: Settings) -> list[Path]:
    """Write the files that are not there as they should be; return which.

    Raises:
        ConfigError: a setting cannot be said to this manager.
        OSError: a file cannot be written.
    """
    written = []
    places.private_dir(places.run_dir())
    places.private_dir(places.logs_dir())
    for path, content in manager.files(settings).items():
        if is_as(path, content):
            continue
        places.make_private(path.parent)
        places.write_private(path, content)
        written.append(path)
    return written


def is_as(path: Path, content: bytes) -> bool:
    """Whether a file is there and has this in it."""
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def do(commands: list[Command], run: Run) -> None:
    """Run commands, one after the other.

    Raises:
        PensieveError: one failed.
    """
    for command in commands:
        ran = run(command)
        if not ran.is_done:
            raise PensieveError(f"`{' '.join(command)}` failed: {ran.said}")
