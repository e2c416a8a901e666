"""The random bytes that keys are made with, so that a file's name tells nothing."""

import contextlib
import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def read_or_make(path: Path) -> bytes:
    """Return the secret in a file, which is made if it is not there or too short.

    Raises:
        OSError: it can be neither read nor made.
    """
    for _ in range(2):
        with contextlib.suppress(FileNotFoundError):
            secret = path.read_bytes()
            if len(secret) == SECRET_BYTES:
                return secret
        _make(path)
    return path.read_bytes()


def _make(path: Path) -> None:
    """Write a new secret, unless another process is quicker."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
    try:
        if path.exists():  # too short: what was made with it is lost
            temporary.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
