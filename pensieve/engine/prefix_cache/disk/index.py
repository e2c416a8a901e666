"""What is on disk: keys of a sequence's prefixes in, the files that hold it out."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pensieve.engine.prefix_cache.disk.keys import GRID, Chain


@dataclass(frozen=True, eq=False)
class DiskFile:
    """A file, as its header says."""

    path: Path
    is_state: bool
    start: int
    end: int
    keys: tuple[bytes, ...]
    nbytes: int


class Step(NamedTuple):
    """What is read of a file: its tokens up to `until`."""

    file: DiskFile
    until: int


class Index:
    """Files by their keys. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, DiskFile] = {}
        self._by_key: dict[bytes, list[DiskFile]] = {}
        self._states: dict[bytes, DiskFile] = {}
        self._state_sizes: Counter[int] = Counter()

    def add(self, file: DiskFile) -> None:
        """Know a file, once."""
        with self._lock:
            if file.path in self._files:
                return
            self._files[file.path] = file
            if not file.is_state:
                for key in file.keys:
                    self._by_key.setdefault(key, []).append(file)
            elif file.keys[0] not in self._states:
                self._states[file.keys[0]] = file
                self._state_sizes[file.end] += 1

    def discard(self, paths: Iterable[Path]) -> None:
        """Forget files, where they are known."""
        with self._lock:
            for path in paths:
                if file := self._files.pop(path, None):
                    self._discard(file)

    def __len__(self) -> int:
        """Return how many files are known."""
        return len(self._files)

    def paths(self) -> set[Path]:
        """Return all files that are known."""
        with self._lock:
            return set(self._files)

    def kv_steps(self, chain: Chain, limit: int) -> list[Step]:
        """Return files that hold a sequence's start, as much as is known, in order.

        Args:
            limit: tokens that are asked for at most.
        """
        with self._lock:
            from_start: dict[int, DiskFile | None] = {0: None}
            size = 0
            while size + GRID <= limit:
                file = self._file_to(chain.at(size + GRID), from_start)
                if file is None:
                    break
                size += GRID
                from_start[size] = file
            for end in range(min(limit, size + GRID - 1), size, -1):
                if file := self._file_to(chain.at(end), from_start):
                    from_start[end] = file
                    size = end
                    break
        steps: list[Step] = []
        while file := from_start[size]:
            steps.append(Step(file, size))
            size = file.start
        return steps[::-1]

    def state_file(self, chain: Chain, limit: int) -> DiskFile | None:
        """Return the state of a sequence's longest start that has at most `limit`."""
        with self._lock:
            for size in sorted(self._state_sizes, reverse=True):
                if size <= limit and (file := self._states.get(chain.at(size))):
                    return file
        return None

    def state_of(self, key: bytes) -> DiskFile | None:
        """Return the state of exactly these tokens."""
        with self._lock:
            return self._states.get(key)

    def _file_to(
        self, key: bytes, from_start: dict[int, DiskFile | None]
    ) -> DiskFile | None:
        """Return a file that reaches a key from where others reach; the longest."""
        files = [f for f in self._by_key.get(key, ()) if f.start in from_start]
        return min(files, key=lambda file: file.start, default=None)

    def _discard(self, file: DiskFile) -> None:
        if not file.is_state:
            for key in file.keys:
                self._by_key[key].remove(file)
                if not self._by_key[key]:
                    del self._by_key[key]
        elif self._states.get(file.keys[0]) is file:
            del self._states[file.keys[0]]
            self._state_sizes[file.end] -= 1
            self._state_sizes += Counter()  # drops what is zero
