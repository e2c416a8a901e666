"""What a server holds: processes, descriptors, memory, files; before and after."""

import os
import time
from pathlib import Path
from typing import NamedTuple

import psutil

SETTLE_S = 60.0
MAX_MORE_THREADS = 8
"""Two read from disk, from the first restore on, and MLX has some for each of them."""
MAX_MORE_BYTES = 48 << 20
"""That the HTTP process may grow by: its caches of tokens, and the allocator."""
MAX_MORE_DESCRIPTORS = 2


class Holdings(NamedTuple):
    """What is held by a server without requests."""

    engines: int
    worker_children: int
    worker_descriptors: int
    worker_threads: int
    worker_bytes: int
    engine_descriptors: int
    engine_threads: int
    files: frozenset[str]
    """In its home and its temporary folder; not caches, logs and MLX's kernels."""


def holdings(server, home: Path, temporary: Path) -> Holdings:
    worker = psutil.Process(server.worker_pid())
    engine = psutil.Process(server.engine_pid())
    engines = server.engine_pids()
    return Holdings(
        engines=len(engines),
        worker_children=len(worker.children()),
        worker_descriptors=worker.num_fds(),
        worker_threads=worker.num_threads(),
        worker_bytes=worker.memory_info().rss,
        engine_descriptors=engine.num_fds(),
        engine_threads=engine.num_threads(),
        files=frozenset(
            os.fspath(path.relative_to(folder))
            for folder in (home, temporary)
            for path in folder.rglob("*")
            if not {"cache", "logs", "mlx"} & set(path.relative_to(folder).parts)
        ),
    )


def leaks(before: Holdings, after: Holdings) -> list[str]:
    """Return what there is more of, in words."""
    found = []
    for name in ("engines", "worker_children"):
        if getattr(after, name) > getattr(before, name):
            found.append(name)
    if after.engine_threads > before.engine_threads + MAX_MORE_THREADS:
        found.append("engine_threads")
    for name in ("worker_descriptors", "engine_descriptors"):
        if getattr(after, name) > getattr(before, name) + MAX_MORE_DESCRIPTORS:
            found.append(name)
    if after.worker_bytes > before.worker_bytes + MAX_MORE_BYTES:
        found.append("worker_bytes")
    if more := after.files - before.files:
        found.append(f"files {sorted(more)}")
    return [f"{each}: {before} became {after}" for each in found]


def wait_for_calm(server) -> None:
    """Wait until the engine is ready and has nothing to do."""
    deadline = time.monotonic() + SETTLE_S
    server.wait_until_ready()
    while True:
        engine = server.health()["engine"]
        if engine["status"] == "ready" and not (engine["active"] or engine["queued"]):
            return
        assert time.monotonic() < deadline, f"requests are left: {engine}"
        time.sleep(0.1)


def remaining_leaks(before: Holdings, server, home: Path, temporary: Path) -> list[str]:
    """Return what leaks, after everything has had the time to be closed."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        wait_for_calm(server)
        found = leaks(before, holdings(server, home, temporary))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.5)
