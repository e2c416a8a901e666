"""The engine's process: started as a fresh interpreter, ended by its socket.

Never by fork: MLX does not survive one. It has a session of its own, so that neither a
Ctrl-C in the terminal nor the end of the HTTP worker reaches it.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil

from pensieve import places
from pensieve.link.frames import encode_frame
from pensieve.link.messages import EngineSpec, Quit

OOM_SCORE_ADJ = 500
"""Added to what the kernel goes by when memory has run out, in thousandths of it: it
takes the engine, which is started again, not the server or somebody's editor."""


def spawn_engine(spec: EngineSpec) -> subprocess.Popen[bytes]:
    """Start an engine. It listens on its socket before it loads the model.

    Raises:
        OSError: the process or its log file cannot be made.
    """
    places.private_dir(places.logs_dir())
    with places.open_private(places.engine_log(), "ab") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pensieve.engine",
                "--spec",
                msgspec.json.encode(spec).decode(),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    _offer_to_kernel(process.pid)
    return process


def _offer_to_kernel(pid: int) -> None:
    """Make a process the first to be killed where memory runs out. Linux only."""
    path = Path(f"/proc/{pid}/oom_score_adj")
    with contextlib.suppress(OSError, ValueError):
        own = int(path.read_text())
        path.write_text(str(min(1000, own + OOM_SCORE_ADJ)))


def quit_engine(socket_path: Path, timeout_s: float = 5.0) -> bool:
    """End the engine that listens there, and wait until it is gone.

    Returns:
        Whether there was one. It is asked first, and killed if it does not go.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(os.fspath(socket_path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        pid = listener_pid(connection)
        try:
            connection.sendall(encode_frame(Quit()))
            while connection.recv(65536):
                pass
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # it went while it was being asked
    return True


def listener_pid(connection: socket.socket) -> int:
    """Return the process that listens at the other end, as the kernel knows it."""
    if sys.platform == "darwin":
        level, option, form = 0, 0x002, "i"  # SOL_LOCAL, LOCAL_PEERPID
    else:
        level, option, form = socket.SOL_SOCKET, socket.SO_PEERCRED, "3i"
    answer = connection.getsockopt(level, option, struct.calcsize(form))
    pid: int = struct.unpack(form, answer)[0]
    return pid


def is_stopped(pid: int) -> bool:
    """Whether a process has been stopped, by SIGSTOP or from a terminal."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
