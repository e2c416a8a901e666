"""Where Pensieve keeps its files.

All under PENSIEVE_HOME if that is set, else in the platform's own places. Functions
return paths only; `private_dir` makes one, and `open_private` a file in it.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

import platformdirs

_DIRS = platformdirs.PlatformDirs("pensieve", appauthor=False)

MAX_SOCKET_PATH_BYTES = 100
"""Room in sockaddr_un: 104 bytes on macOS, 108 on Linux, the closing zero included."""


def _home() -> Path | None:
    home = os.environ.get("PENSIEVE_HOME")
    return Path(home).expanduser().absolute() if home else None


def config_file() -> Path:
    """Return the settings file, TOML or JSON; it need not exist."""
    folder = _home() or Path(_DIRS.user_config_dir)
    toml, as_json = folder / "config.toml", folder / "config.json"
    return as_json if as_json.exists() and not toml.exists() else toml


def models_dir() -> Path:
    """Return the folder of pulled models."""
    home = _home()
    return home / "models" if home else Path(_DIRS.user_data_dir) / "models"


def run_dir() -> Path:
    """Return the folder of pid files and sockets."""
    home = _home()
    return home / "run" if home else Path(_DIRS.user_state_dir) / "run"


def logs_dir() -> Path:
    """Return the folder of log files."""
    home = _home()
    return home / "logs" if home else Path(_DIRS.user_log_dir)


def server_log(port: int) -> Path:
    """Return where the background server on `port` writes what it has to say."""
    return logs_dir() / f"server-{port}.log"


def engine_log() -> Path:
    """Return the file that engines write to."""
    return logs_dir() / "engine.log"


def state_dir() -> Path:
    """Return the folder of what outlives a server."""
    return _home() or Path(_DIRS.user_state_dir)


def batches_file() -> Path:
    """Return the file of message batches."""
    return state_dir() / "batches.sqlite3"


def batches_lock() -> Path:
    """Return the lock file of the server that answers message batches."""
    return state_dir() / "batches.lock"


def cache_dir() -> Path:
    """Return the folder of what can be computed again."""
    home = _home()
    return home / "cache" if home else Path(_DIRS.user_cache_dir)


def prefix_cache_dir() -> Path:
    """Return the folder of the prefix cache's files."""
    return cache_dir() / "prefixes"


def private_dir(path: Path) -> Path:
    """Make a folder that only this user can enter, and return it.

    So are those above it, as far as they are made here. One that is there already and
    that others can write in is taken from them.

    Raises:
        OSError: it cannot be made, or belongs to somebody else.
    """
    make_private(path)
    status = path.stat()
    if status.st_uid != os.getuid():
        raise PermissionError(f"{path}: expected a folder of this user's own")
    if status.st_mode & 0o022:
        path.chmod(0o700)
    return path


def make_private(path: Path) -> None:
    """Make a folder and those above it, as far as they are not there, for this user.

    Raises:
        OSError: one cannot be made.
    """
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path, mode: str) -> BinaryIO:
    """Open a file that only this user can read, whatever it was before.

    Args:
        mode: as `open` has it, of bytes.

    Raises:
        OSError: it cannot be opened.
    """
    return cast("BinaryIO", open(path, mode, opener=_private_descriptor))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open_private(part, "wb") as file:
            file.write(content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _private_descriptor(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def engine_socket(port: int, number: int = 0) -> Path:
    """Return the path of the socket of one of a server's engines.

    Args:
        port: the server's.
        number: the model's place among the server's; 0: the main one.
    """
    return socket_path(f"engine-{port}-{number}" if number else f"engine-{port}")


def socket_path(name: str) -> Path:
    """Return the path of a Unix socket, in `run_dir` if that is short enough.

    A longer one goes to a folder of the user's own under the system's temporary folder,
    named by a hash of the long path.
    """
    path = run_dir() / f"{name}.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pensieve-{os.getuid()}" / f"{digest}.sock"
