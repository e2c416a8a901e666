"""The cache's folder, made read-only, filled to the brim, and its files damaged.

Where a small file system of its own can be mounted (root, Linux) it is one: root may
write wherever a file system can. Elsewhere the folder's mode and a limit on the size of
the engine's files do it, or it is said why not.
"""

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

SIZE = "4m"
MAX_FILE_BYTES = 64 << 10


class CacheDir:
    """`$PENSIEVE_HOME/cache`, whatever is kept there. A context manager."""

    def __init__(self, home: Path) -> None:
        self.path = home / "cache"
        self.is_mounted = False

    def __enter__(self) -> "CacheDir":
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = f"size={SIZE},mode=700"
        self.is_mounted = run("mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path)
        return self

    def __exit__(self, *exc) -> None:
        self.restore()
        if self.is_mounted:
            assert run("umount", "--lazy", self.path)

    def files(self) -> list[Path]:
        return sorted(each for each in self.path.rglob("*") if each.is_file())

    def make_read_only(self) -> str:
        """Return what was done, or why it was not."""
        if self.is_mounted:
            done = run("mount", "-o", "remount,ro", self.path)
            return "read-only" if done else "not read-only: files are being written"
        if os.getuid() == 0:
            return "not read-only: root may write, and nothing can be mounted"
        self.path.chmod(0o500)
        return "read-only"

    def fill(self, engine_pid: int | None) -> str:
        """Leave no room on the file system, or for the engine in any file."""
        if self.is_mounted:
            with contextlib.suppress(OSError), self._filler.open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            return "full"
        if sys.platform != "linux" or engine_pid is None:
            return "not full: nothing can be mounted or limited"
        with contextlib.suppress(OSError):
            limits = (MAX_FILE_BYTES, resource.RLIM_INFINITY)
            resource.prlimit(engine_pid, resource.RLIMIT_FSIZE, limits)
            return "full: no large files"
        return "not full: there is no engine"

    def restore(self, engine_pid: int | None = None) -> None:
        if self.is_mounted:
            run("mount", "-o", "remount,rw", self.path)
            self._filler.unlink(missing_ok=True)
            return
        self.path.chmod(0o700)
        if sys.platform == "linux" and engine_pid is not None:
            with contextlib.suppress(OSError):
                no_limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                resource.prlimit(engine_pid, resource.RLIMIT_FSIZE, no_limits)

    def flip_a_bit(self, dice) -> str:
        """Damage one of its files, wherever."""
        files = [each for each in self.files() if each != self._filler]
        if not files:
            return "no bit flipped: there are no files"
        path = dice.choice(files)
        with contextlib.suppress(OSError), path.open("r+b") as file:
            size = path.stat().st_size
            if size:
                place = dice.randrange(size)
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ 1 << dice.randrange(8)]))
                return f"bit flipped in byte {place} of {size}"
        return "no bit flipped: it went away"

    @property
    def _filler(self) -> Path:
        return self.path / ".filler"


def run(*command) -> bool:
    """Whether a command there is here does it."""
    try:
        done = subprocess.run([*map(str, command)], capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0
