"""Where a pull gathers its files until all are there.

One folder a model, below the models folder and so on its disk. It stays when a pull is
broken off, so that the next one goes on from there.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from pensieve import places
from pensieve.errors import ModelError


@contextmanager
def staging(name: str) -> Iterator[Path]:
    """Give a folder that is this process's alone, and remove it if all went well.

    Raises:
        ModelError: another process is pulling this model.
        OSError: the folder cannot be made.
    """
    folder = places.private_dir(_parent() / quote(name, safe=""))
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f"{name}: another process is pulling it") from error
        yield folder
        shutil.rmtree(folder)
    finally:
        os.close(lock)


def unfinished() -> dict[str, int]:
    """Return the pulls that were broken off: name and bytes that are there."""
    if not _parent().is_dir():
        return {}
    return {
        unquote(folder.name): sum(
            file.stat().st_size for file in folder.rglob("*") if file.is_file()
        )
        for folder in sorted(_parent().iterdir())
    }


def discard(name: str) -> None:
    """Remove what a pull that was broken off has left.

    Raises:
        ModelError: it is not broken off but going on.
        OSError: it cannot be removed.
    """
    with staging(name):
        pass


def _parent() -> Path:
    return places.models_dir() / ".incoming"
