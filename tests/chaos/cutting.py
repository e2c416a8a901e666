"""Cuts another process's connection to a Unix socket, without a hook in that process.

Linux lets the user's own processes be asked for a copy of a descriptor (pidfd_getfd(2),
since 5.6); shutdown(2) on the copy ends the connection for everybody who has it. No
relay stands between, so the engine and its client know each other as they are.
"""

import contextlib
import ctypes
import os
import socket
import sys

_SYS_PIDFD_GETFD = 438  # on all architectures


def can_cut() -> str:
    """Return why connections cannot be cut here; empty: they can."""
    if sys.platform != "linux":
        return "pidfd_getfd is Linux's"
    read_end, write_end = os.pipe()
    try:
        os.close(_copy_of(os.getpid(), read_end))
    except OSError as error:
        return f"pidfd_getfd: {error}"
    finally:
        os.close(read_end)
        os.close(write_end)
    return ""


def cut(pid: int, socket_path: str) -> int:
    """Cut all connections of a process to what listens there; return how many."""
    num_cut = 0
    for descriptor in _descriptors(pid):
        try:
            copied = _copy_of(pid, descriptor)
        except OSError:
            continue  # it was closed meanwhile
        with contextlib.suppress(OSError), socket.socket(fileno=copied) as connection:
            if connection.getpeername() == socket_path:
                connection.shutdown(socket.SHUT_RDWR)
                num_cut += 1
    return num_cut


def _descriptors(pid: int) -> list[int]:
    """Return a process's sockets."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    found.append(int(name))
    return found


def _copy_of(pid: int, descriptor: int) -> int:
    process = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copied = libc.syscall(_SYS_PIDFD_GETFD, process, descriptor, 0)
        if copied < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(process)
    return int(copied)
