"""Jobs in, files out, in a thread of its own.

A file appears whole or not at all: it is written under another name and then renamed.
Not forced to the disk itself: what a crash of the machine cuts off is found by its
checksums. After a failure nothing is written for a while.
"""

import contextlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

import xxhash

from pensieve import cache_folder, places
from pensieve.engine.prefix_cache.disk.complaints import Complaints
from pensieve.engine.prefix_cache.disk.file_format import Header, encode_opening
from pensieve.engine.prefix_cache.disk.index import DiskFile, Index
from pensieve.engine.prefix_cache.disk.jobs import Chunk, Job
from pensieve.engine.prefix_cache.disk.room import make_room, touch

log = logging.getLogger(__name__)

PAUSE_S = 60.0
"""How long nothing is written after a failure."""
MAX_CHUNKS = 512
"""Of one call of writev; the system's limit is 1024."""


class Writer(threading.Thread):
    """Writes one file after the other; a daemon, which ends with the process.

    Args:
        root: of all models' files.
        budget_bytes: of all files there.
        queue_bytes: of jobs that wait; more are not taken.
    """

    def __init__(
        self,
        root: Path,
        budget_bytes: int,
        queue_bytes: int,
        index: Index,
        complaints: Complaints,
    ) -> None:
        super().__init__(name="prefix cache writer", daemon=True)
        self._root = root
        self._budget_bytes = budget_bytes
        self._queue_bytes = queue_bytes
        self._index = index
        self._complaints = complaints
        self._jobs: SimpleQueue[Job | list[Path] | threading.Event | None] = (
            SimpleQueue()
        )
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._queued: set[Path] = set()
        self._sequence: frozenset[Path] = frozenset()
        self._paused_until = 0.0
        self._numbers = itertools.count()
        self.total_bytes = 0
        """Of all files there, as far as is known."""
        self._folder_times: dict[Path, int] = {}
        self._count()

    @property
    def waiting_bytes(self) -> int:
        """Of files that are queued, or being written. Any thread."""
        return self._waiting_bytes

    @property
    def free_bytes(self) -> int:
        """What the queue takes yet."""
        return max(0, self._queue_bytes - self._waiting_bytes)

    def write(self, job: Job) -> bool:
        """Queue a file, once; return whether it was taken. Any thread."""
        with self._lock:
            if job.path in self._queued:
                return True
            if job.nbytes > self._queue_bytes - self._waiting_bytes:
                return False
            self._waiting_bytes += job.nbytes
            self._queued.add(job.path)
        self._jobs.put(job)
        return True

    def touch(self, paths: list[Path]) -> None:
        """Note, in its turn, that a sequence's files are used.

        They stay, whatever room the files queued behind them need. Any thread.
        """
        self._jobs.put(paths)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was queued is done; return whether it is."""
        done = threading.Event()
        self._jobs.put(done)
        return done.wait(timeout_s)

    def end(self) -> None:
        """End the thread, once all that is queued is done. Any thread."""
        self._jobs.put(None)

    def run(self) -> None:
        """Write until told to end."""
        while (job := self._jobs.get()) is not None:
            if isinstance(job, threading.Event):
                job.set()
            elif isinstance(job, list):
                self._sequence = frozenset(job)
                self._index.discard(touch(job))
            else:
                self._try(job)
                with self._lock:
                    self._waiting_bytes -= job.nbytes
                    self._queued.discard(job.path)
            del job  # and with it the arrays

    def _try(self, job: Job) -> None:
        if time.monotonic() < self._paused_until:
            return
        if job.path in self._index.paths():
            self._sequence |= {job.path}
            return
        try:
            self._write(job)
        except OSError as error:
            self._paused_until = time.monotonic() + PAUSE_S
            self._complaints.tell(f"cannot be written ({error.strerror})", job.path)
        except Exception:
            log.exception("prefix cache: %s cannot be written", job.path)
            self._paused_until = time.monotonic() + PAUSE_S

    def _write(self, job: Job) -> None:
        """Make room, and write.

        Raises:
            OSError: it cannot be written; nothing is left of it.
        """
        chunks = job.body.chunks()
        header = Header(
            job.kind,
            job.start,
            job.end,
            job.keys,
            job.form,
            [checksum(each) for each in chunks],
            job.state,
        )
        body_bytes = sum(len(chunk) for each in chunks for chunk in each)
        opening = encode_opening(header, body_bytes)
        nbytes = len(opening) + body_bytes
        if not self._has_room(nbytes):
            return
        temporary = job.path.with_name(f".{os.getpid()}.{next(self._numbers)}.tmp")
        places.private_dir(job.path.parent)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            descriptor = os.open(temporary, flags, 0o600)
            try:
                write_all(descriptor, [opening, *itertools.chain(*chunks)])
            finally:
                os.close(descriptor)
            temporary.rename(job.path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        is_state = job.kind == "state"
        file = DiskFile(job.path, is_state, job.start, job.end, tuple(job.keys), nbytes)
        self._index.add(file)
        self._sequence |= {job.path}
        self.total_bytes += nbytes
        self._folder_times = cache_folder.change_times(self._root)

    def _has_room(self, nbytes: int) -> bool:
        """Make room, if need be; return whether there is any."""
        if cache_folder.change_times(self._root) != self._folder_times:
            self._count()  # another engine has been here
        if self.total_bytes + nbytes > self._budget_bytes:
            room = make_room(self._root, self._budget_bytes, nbytes, self._sequence)
            self._index.discard(room.removed)
            self.total_bytes = room.total_bytes
        return self.total_bytes + nbytes <= self._budget_bytes

    def _count(self) -> None:
        self._folder_times = cache_folder.change_times(self._root)
        self.total_bytes = sum(e.nbytes for e in cache_folder.entries(self._root))


def checksum(chunks: Sequence[Chunk]) -> int:
    """Return XXH3-64 of pieces that follow each other."""
    digest = xxhash.xxh3_64()
    for chunk in chunks:
        digest.update(chunk)
    return digest.intdigest()


def write_all(descriptor: int, chunks: Sequence[Chunk]) -> None:
    """Write pieces that follow each other.

    Raises:
        OSError: they cannot be written, or not whole.
    """
    for start in range(0, len(chunks), MAX_CHUNKS):
        left = [memoryview(chunk) for chunk in chunks[start : start + MAX_CHUNKS]]
        while left:
            written = os.writev(descriptor, left)
            left = [*_behind(left, written)]


def _behind(chunks: Sequence[memoryview], size: int) -> Iterator[memoryview]:
    """Go through what comes after the first `size` bytes."""
    for chunk in chunks:
        if size < len(chunk):
            yield chunk[size:]
        size = max(0, size - len(chunk))
