"""Reads a log that is rotated meanwhile: its last lines, and those that come."""

import contextlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pensieve.log_file import numbered

_BLOCK = 1 << 16
_GAP = 2
"""Numbers without a file, one of which may be renamed just now, end the old ones."""


class LogTail:
    """A log from its end on; a context manager.

    Lines end with a newline, and come in the order of each file. Two are open: the log,
    and the one before it, which a process that says little may still write to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: _File | None = None
        self._now: _File | None = None
        with contextlib.suppress(FileNotFoundError):
            self._now = _File(path)

    def __enter__(self) -> "LogTail":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in (self._before, self._now):
            if file is not None:
                file.close()

    def last_lines(self, count: int) -> list[bytes]:
        """Return the last lines, of old files too if need be; `new_lines` goes on."""
        if self._now is None:
            return []
        lines = self._now.last_lines(count)
        for old in self._files(1):
            if len(lines) < count and not old.is_same(self._now):
                lines = old.last_lines(count - len(lines)) + lines
            old.close()
        return lines

    def new_lines(self) -> Iterator[bytes]:
        """Yield what has come since the last call."""
        for file in (self._before, self._now):
            if file is not None:
                yield from file.new_lines()
        for file in self._next():
            if self._before is not None:
                self._before.close()
            self._before, self._now = self._now, file
            if self._before is not None:
                yield from self._before.new_lines()  # until it was rotated
            yield from file.new_lines()

    def _next(self) -> list["_File"]:
        """Open the files that were begun since that of now, oldest first."""
        newer: list[_File] = []
        rest = self._files(0)
        for file in rest:
            if self._now is not None and file.is_same(self._now):
                file.close()
                break
            newer.append(file)
        rest.close()
        return newer[::-1]

    def _files(self, number: int) -> Generator["_File", None, None]:
        """Open the log and those before it, the newest first."""
        missing = 0
        while missing < _GAP:
            try:
                file = _File(numbered(self._path, number))
            except FileNotFoundError:
                missing += 1
            else:
                missing = 0
                yield file
            number += 1


class _File:
    """A file that grows, line by line."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._part = b""

    def last_lines(self, count: int) -> list[bytes]:
        """Return the last whole lines, at most so many."""
        end = at = self._file.seek(0, os.SEEK_END)
        text = b""
        while at > 0 and text.count(b"\n") <= count:
            at = self._file.seek(max(0, at - _BLOCK))
            text = self._file.read(min(end - at - len(text), _BLOCK)) + text
        lines, self._part = _split(text)
        self._file.seek(end)
        return lines[max(0, len(lines) - count) :]

    def new_lines(self) -> list[bytes]:
        """Return the lines that have been completed since they were last asked for."""
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)  # it was cut off and begun anew, as logrotate may
        lines, self._part = _split(self._part + self._file.read())
        return lines

    def is_same(self, other: "_File") -> bool:
        """Whether both are open on one file, whatever it is called."""
        one, two = (os.fstat(each._file.fileno()) for each in (self, other))
        return os.path.samestat(one, two)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _split(text: bytes) -> tuple[list[bytes], bytes]:
    """Return whole lines, with their ends, and what follows the last."""
    *whole, part = text.split(b"\n")
    return [line + b"\n" for line in whole], part
