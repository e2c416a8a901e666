"""A log file that several processes write, rotated while they run.

It is the standard output and error of each, so that what ends a process is in it, too.
A record is one write() at the file's end, so that lines of several processes never
mix. Before it, the writer looks whether the file at the path is the one that it has
open; if not, somebody has rotated it, and the new one takes the old one's place. The
writer that finds the file full rotates it: nobody waits for another, and there is no
process between that could end and take lines along.

What is not written here but by the interpreter or a library is in the file that was
the log at the process's last record; it is kept as long as rotated files are.
"""

import contextlib
import fcntl
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pensieve import places

STDOUT, STDERR = 1, 2

_VARIABLES = ("PENSIEVE_LOG_MAX_BYTES", "PENSIEVE_LOG_FILES")
"""Of the settings that they are; an engine has no others."""


class Rotation(NamedTuple):
    """When a log is rotated, and what is kept."""

    max_bytes: int = 16 << 20
    """A file is not written beyond this size."""
    files: int = 3
    """Old files that are kept, at least 1: `name.log.1` is the newest."""

    def as_environment(self) -> dict[str, str]:
        """Return the variables that give another process this."""
        return dict(zip(_VARIABLES, map(str, self), strict=True))

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> "Rotation":
        """Return what `as_environment` has given, or the default.

        Raises:
            ValueError: something else is there.
        """
        given = [environ.get(name) for name in _VARIABLES]
        default = cls()
        return cls(*(int(g) if g else d for g, d in zip(given, default, strict=True)))


def numbered(path: Path, number: int) -> Path:
    """Return where the log is that was rotated so many times; 0: the log itself."""
    return path.with_name(f"{path.name}.{number}") if number else path


def is_open_as(descriptor: int, path: Path) -> bool:
    """Whether a descriptor of this process is the file at the path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def is_written_by(descriptor: int, path: Path) -> bool:
    """Whether a descriptor of this process is the log, rotated meanwhile or not."""
    number = 0
    while not is_open_as(descriptor, file := numbered(path, number)):
        if number and not file.exists():
            return False
        number += 1
    return True


class LogFile(logging.Handler):
    """Writes records to this process's standard error, which is the log at `path`.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, rotation: Rotation) -> None:
        super().__init__()
        self.rotation = rotation
        self._path = path
        both = (STDOUT, STDERR)
        self._descriptors = [each for each in both if is_written_by(each, path)]
        self.reopen()

    def reopen(self) -> None:
        """Have the file at the path open, made if there is none."""
        with places.open_private(self._path, "ab") as file:
            for descriptor in self._descriptors:
                os.dup2(file.fileno(), descriptor)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, whole, to the log of now."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            with contextlib.suppress(OSError):  # no reason to lose the line
                self._see_to_file(len(line))
            while line:
                line = line[os.write(STDERR, line) :]
        except Exception:
            self.handleError(record)

    def _see_to_file(self, coming: int) -> None:
        if not is_open_as(STDERR, self._path):
            self.reopen()
        size = os.fstat(STDERR).st_size
        if size and size + coming > self.rotation.max_bytes:
            rotate(self._path, self.rotation, coming)
            self.reopen()


def rotate(path: Path, rotation: Rotation, coming: int = 0) -> None:
    """Put the log aside if it is full, unless another process is just doing that.

    Args:
        coming: bytes that are about to be written.

    Raises:
        OSError: it cannot be renamed.
    """
    # A lock of the file that is put aside, by a descriptor of this call's own: the
    # others may be shared with the process that this one was forked from.
    with places.open_private(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        is_full = os.fstat(file.fileno()).st_size + coming > rotation.max_bytes
        if not is_full or not is_open_as(file.fileno(), path):
            return
        last = 0
        while numbered(path, last + 1).exists():
            last += 1
        for number in range(last, 0, -1):
            old = numbered(path, number)
            if number < rotation.files:
                old.replace(numbered(path, number + 1))
            else:
                old.unlink()
        path.replace(numbered(path, 1))
