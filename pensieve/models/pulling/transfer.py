"""One file of the hub, received whole: resumed by range requests and checked.

huggingface_hub's own download (2.x) throws a partial file away when its process ends,
which after 30 of 40 GB nobody wants; so the bytes are received here, over its session.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models.pulling.progress import Tally

TIMEOUT_S = 30.0
"""To connect, and between two pieces of a body."""

RETRY_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""After failures in a row; bytes in between start them anew."""

RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)

HASH_CHUNK_BYTES = 1 << 20


class RemoteFile(msgspec.Struct, frozen=True):
    """A file of a repository, at one commit."""

    name: str
    url: str
    size_bytes: int
    sha256: str | None
    """In hexadecimal; the hub gives it for large files only."""


def receive(
    file: RemoteFile, target: Path, headers: dict[str, str], tally: Tally
) -> None:
    """Make `target` the file's bytes; until they are all there, they are in a .part.

    Raises:
        ModelError: what came is not what the hub announced.
        OSError: the disk, or the hub's last answer if it is an error.
        HTTPError: of httpx: the connection, after the last of RETRY_WAITS_S.
    """
    if target.exists():
        tally.resumed(file.name, file.size_bytes)
        return
    places.private_dir(target.parent)
    path = target.with_name(target.name + ".part")
    with places.open_private(path, "a+b") as out:
        part = _Part(file, out, tally)
        _receive_rest(part, headers)
        part.check()
        os.fsync(out.fileno())
    path.rename(target)


class _Part:
    """What is there of a file: its bytes, their number and their hash so far."""

    def __init__(self, file: RemoteFile, out: BinaryIO, tally: Tally) -> None:
        self.file = file
        self.size_bytes = 0
        self._out = out
        self._tally = tally
        self._digest = hashlib.sha256()
        out.seek(0)
        while chunk := out.read(HASH_CHUNK_BYTES):
            self._digest.update(chunk)
            self.size_bytes += len(chunk)
        tally.resumed(file.name, self.size_bytes)
        if self.size_bytes > file.size_bytes:
            self.restart()

    def write(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self.file.size_bytes:
            raise self._wrong(f"{self.file.size_bytes} bytes", "more")
        self._out.write(chunk)
        self._digest.update(chunk)
        self._tally.received(self.file.name, len(chunk))

    def restart(self) -> None:
        self._out.truncate(0)
        self._tally.received(self.file.name, -self.size_bytes)
        self.size_bytes = 0
        self._digest = hashlib.sha256()

    def check(self) -> None:
        expected, got = self.file.sha256, self._digest.hexdigest()
        if expected is not None and got != expected:
            raise self._wrong(f"SHA-256 {expected}", got)

    def _wrong(self, expected: str, got: str) -> ModelError:
        self._out.truncate(0)  # nothing of it is worth going on from
        return ModelError(f"{self.file.url}: expected {expected}, got {got}")


def _receive_rest(part: _Part, headers: dict[str, str]) -> None:
    """Ask for what is missing until it is all there, or nothing comes any more."""
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    failures = 0
    while part.size_bytes < part.file.size_bytes:
        before = part.size_bytes
        try:
            _receive_some(part, headers)
        except HTTPError as error:
            failures = 1 if part.size_bytes > before else failures + 1
            if failures > len(RETRY_WAITS_S) or not _is_passing(error):
                raise
            time.sleep(RETRY_WAITS_S[failures - 1])


def _receive_some(part: _Part, headers: dict[str, str]) -> None:
    from huggingface_hub import get_session, hf_raise_for_status

    start = part.size_bytes
    asked = headers | {"Accept-Encoding": "identity"}  # ranges are of the plain bytes
    if start:
        asked["Range"] = f"bytes={start}-"
    request = get_session().stream(
        "GET", part.file.url, headers=asked, timeout=TIMEOUT_S
    )
    with request as response:
        hf_raise_for_status(response)
        if start and not _continues_at(start, response):
            part.restart()
        for chunk in response.iter_bytes():
            part.write(chunk)


def _continues_at(start: int, response: Any) -> bool:
    """Say whether an httpx response is the range from `start` that was asked for."""
    content_range: str = response.headers.get("content-range", "")
    return response.status_code == 206 and content_range.startswith(f"bytes {start}-")


def _is_passing(error: Exception) -> bool:
    """Say whether trying again may help: a broken connection, or a busy hub."""
    response = getattr(error, "response", None)
    return response is None or response.status_code in RETRIED_STATUSES
