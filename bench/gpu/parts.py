"""Parts of a bench on a borrowed machine: each in its time, and kept when it is done.

One that fails or takes too long leaves its reason and the others alone.
"""

import contextlib
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..record import record


class TooLongError(Exception):
    """A part took more than its time."""


class Report:
    """What has been measured, kept in a file.

    Args:
        name: of the bench and of the file.
        limit_s: for all parts together.
        commit: of the code, where the folder of its history is not at hand.
    """

    def __init__(self, name: str, out: Path, limit_s: float, commit: str) -> None:
        self._name = name
        self._out = out
        self._commit = commit
        self._ends_at = time.monotonic() + limit_s
        self.parts: dict[str, Any] = {}
        self.failures: dict[str, str] = {}

    def part(self, name: str, limit_s: float, measure: Callable[[], Any]) -> bool:
        """Measure something within a limit; return whether it went well."""
        began = time.monotonic()
        left_s = min(limit_s, self._ends_at - began)
        try:
            if left_s < 1:
                raise TooLongError("no time was left")
            with within(left_s):
                self.parts[name] = measure()
        except Exception as error:
            self.failures[name] = described(error)
            traceback.print_exc()
        took_s = round(time.monotonic() - began, 1)
        print(
            f"{name:18} {took_s:7.1f} s  {self.parts.get(name, 'FAILED')}", flush=True
        )
        self.save()
        return name in self.parts

    def save(self) -> str:
        """Write the file; return its line."""
        line = record(
            self._name, {**self.parts, "failures": self.failures}, self._commit
        )
        (self._out / f"{self._name}.json").write_text(line + "\n")
        return line


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TooLongError in the main thread after so long."""

    def stop(*_: object) -> None:
        raise TooLongError(f"took more than {seconds:.0f} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def described(error: Exception) -> str:
    """Return an error with what a command that failed had to say."""
    said = getattr(error, "stderr", "") or ""
    return f"{type(error).__name__}: {error} {said[-20_000:]}".strip()
