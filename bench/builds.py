"""Two builds of Pensieve: what a person calls one, and a process that runs cases on it.

The cases are the same for both, this package's own; `pensieve` is the build's.
"""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START = Path(__file__).parent / "start_worker.py"


@dataclass(frozen=True)
class Build:
    """An installed Pensieve.

    Attributes:
        name: as it stands in tables.
        python: the interpreter that has it.
        target: the folder that has it, where it is not among the interpreter's own.
    """

    name: str
    python: str
    target: str = ""


def named(word: str) -> Build:
    """Return the build that a person named.

    Args:
        word: an interpreter; a virtual environment; a folder that was the target of
            `pip install --target`; empty: the one that this runs in.

    Raises:
        ValueError: it is none of these.
    """
    if not word:
        return Build("this", sys.executable)
    path = Path(word).expanduser().absolute()  # not resolved: a venv's python is a link
    if path.is_file() and os.access(path, os.X_OK):
        return Build(word, str(path))
    if (path / "bin" / "python").exists():
        return Build(word, str(path / "bin" / "python"))
    if (path / "pensieve" / "__init__.py").exists():
        return Build(word, sys.executable, str(path))
    raise ValueError(
        "expected a Python interpreter, a virtual environment or a folder with "
        f"pensieve in it, got {word!r}"
    )


class WorkerError(Exception):
    """A worker ended or could not begin; the message has its last words."""


class Worker:
    """A process that runs cases on one build, a slice whenever it is told to.

    Args:
        folder: for the cases' files.
        hash_seed: of Python's strings, so that both sides have the same.
    """

    def __init__(self, build: Build, folder: Path, hash_seed: int) -> None:
        self._build = build
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        # -P: what lies beside the script must not shadow installed modules.
        self._process = subprocess.Popen(
            [build.python, "-P", str(START), str(folder), build.target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, "PYTHONHASHSEED": str(hash_seed)},
        )
        self.modules: dict[str, str] = self._read()["modules"]
        """Of `pensieve._native`, by name: a sum over each one's file."""

    def prepare(self, case: str, slice_s: float) -> int:
        """Set a case up and return how many calls fill a slice; 0: it is not there."""
        loops: int = self._ask(case=case, slice_s=slice_s)["loops"]
        return loops

    def seconds(self, loops: int) -> float:
        """Return the CPU seconds of a call of the case that was set up last."""
        seconds: float = self._ask(loops=loops)["seconds"]
        return seconds

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _ask(self, **words: object) -> dict[str, Any]:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # then there is no answer, either
            print(json.dumps(words), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(
                f"{self._build.name}: its worker ended with {self._process.wait()}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer
