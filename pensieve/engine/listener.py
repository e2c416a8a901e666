"""The engine's Unix socket, which one process at a time owns.

An exclusive lock on a file beside the socket says who owns it. The system drops it with
the process, however that ends, so a socket file whose lock is free is a dead engine's
and may be replaced. The lock file itself stays: removing it would let two processes
hold locks on two files of one name.
"""

import fcntl
import os
import socket
import stat
from pathlib import Path
from types import TracebackType

from pensieve.places import private_dir


class SocketTakenError(Exception):
    """Another living engine owns the socket."""


class Listener:
    """A listening socket, closed and removed at the end of the `with` block.

    Raises:
        SocketTakenError: another engine has it.
        OSError: the place cannot be used, or something that is no socket is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        private_dir(path.parent)
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take()
            self.socket = self._bind()
        except BaseException:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SocketTakenError(f"{self._path}: another engine has it") from error

    def _bind(self) -> socket.socket:
        if self._path.exists() and not stat.S_ISSOCK(self._path.lstat().st_mode):
            raise FileExistsError(
                f"{self._path}: expected a socket or nothing, got a file"
            )
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Nobody can connect before listen(), so the mode is right from the start.
        listening.bind(os.fspath(self._path))
        self._path.chmod(0o600)
        listening.listen()
        listening.setblocking(False)
        return listening

    def withdraw(self) -> None:
        """Take the socket away; the lock stays, until `with` or the process ends."""
        self.socket.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.withdraw()
        os.close(self._lock)
