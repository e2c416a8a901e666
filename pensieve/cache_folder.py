"""The prefix cache's files on disk, from outside: by their names and sizes alone.

    secret               random bytes that all keys are made with
    MODEL/name           how people call the model
    MODEL/KEY.kv         keys and values of some tokens
    MODEL/KEY.state      a state that cannot be cut at a token
    MODEL/head-KEY.…     the same, of a head that many prompts begin with

MODEL and KEY are digests. Names that begin with a dot are being written.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SECRET_NAME = "secret"
MODEL_NAME = "name"
SUFFIXES = (".kv", ".state")
HEAD_PREFIX = "head-"


class Entry(NamedTuple):
    """A file of the cache."""

    path: Path
    nbytes: int
    last_used_ns: int
    """Since the epoch; a file deeper in its sequence has a little less."""

    @property
    def is_head(self) -> bool:
        """Whether it is of a head."""
        return self.path.name.startswith(HEAD_PREFIX)


class ModelUse(NamedTuple):
    """What one model has in the cache."""

    name: str
    nbytes: int
    num_files: int
    last_used_ns: int


def entries(root: Path) -> list[Entry]:
    """Return all files of the cache, of all models; none where there is no folder."""
    return [each for folder in model_folders(root) for each in entries_in(folder)]


def entries_in(folder: Path) -> list[Entry]:
    """Return one model's files; those that cannot be looked at are left out."""
    found = []
    for item in _scanned(folder):
        if item.name.endswith(SUFFIXES) and not item.name.startswith("."):
            with contextlib.suppress(OSError):
                status = item.stat(follow_symlinks=False)
                path = folder / item.name
                found.append(Entry(path, status.st_size, status.st_mtime_ns))
    return found


def model_folders(root: Path) -> list[Path]:
    """Return the models' folders."""
    return [
        root / item.name
        for item in _scanned(root)
        if item.is_dir(follow_symlinks=False)
    ]


def change_times(root: Path) -> dict[Path, int]:
    """Return when a file came to each model's folder, or went; since the epoch, ns."""
    times = {}
    for folder in model_folders(root):
        with contextlib.suppress(OSError):
            times[folder] = folder.stat().st_mtime_ns
    return times


def usage(root: Path) -> list[ModelUse]:
    """Return what each model has, the last used first; those with nothing left out."""
    uses = []
    for folder in model_folders(root):
        if found := entries_in(folder):
            nbytes = sum(each.nbytes for each in found)
            last_used_ns = max(each.last_used_ns for each in found)
            name = _name_of(folder)
            uses.append(ModelUse(name, nbytes, len(found), last_used_ns))
    return sorted(uses, key=lambda use: -use.last_used_ns)


def clear(root: Path) -> int:
    """Remove all files of the cache; return the bytes that they had.

    The secret stays: an engine that runs goes on making keys with it.

    Raises:
        OSError: a file cannot be removed.
    """
    removed = 0
    for folder in model_folders(root):
        for each in entries_in(folder):
            with contextlib.suppress(FileNotFoundError):
                each.path.unlink()
                removed += each.nbytes
    return removed


def default_budget_bytes(root: Path) -> int:
    """Return what the cache may take where nobody has said it; 0: nothing is known.

    A tenth of what is free on its disk, its own files counted as free; at most 20 GB.
    """
    folder = root
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    own = sum(each.nbytes for each in entries(root))
    return min(20 * 10**9, (status.f_bavail * status.f_frsize + own) // 10)


def _name_of(folder: Path) -> str:
    try:
        return (folder / MODEL_NAME).read_text("utf-8", errors="replace").strip()
    except OSError:
        return folder.name


def _scanned(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            yield from items
    except OSError:
        return
