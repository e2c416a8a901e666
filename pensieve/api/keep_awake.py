"""A Mac does not fall asleep over a request: `caffeinate`, while any runs.

It has run on simulated Macs only. On Linux nothing is done: a server's sleep is its
administrator's matter, and a desktop's asks its own session.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

log = logging.getLogger(__name__)

LOOK_INTERVAL_S = 2.0
"""A Mac sleeps after a minute without use, at the earliest."""
LINGER_S = 30.0
"""It stays awake this long after a request: an agent's next one may be on its way."""


def caffeinate() -> list[str] | None:
    """Return the command that holds this system awake until this process ends.

    None: there is none, and nothing is to be done.
    """
    program = shutil.which("caffeinate") if sys.platform == "darwin" else None
    # -i: no sleep for want of use. It ends with the process of -w, however that ends.
    return [program, "-i", "-w", str(os.getpid())] if program else None


@contextlib.asynccontextmanager
async def keep_awake(
    is_busy: Callable[[], bool],
    is_wanted: bool = True,
    command: Callable[[], list[str] | None] = caffeinate,
    look_interval_s: float = LOOK_INTERVAL_S,
    linger_s: float = LINGER_S,
) -> AsyncIterator[None]:
    """Hold the system awake while requests run, until the context is left.

    Args:
        is_busy: whether any runs now.
        command: what holds it, as a process of its own.
    """
    held = command() if is_wanted else None
    if held is None:
        yield
        return
    task = asyncio.create_task(_watch(is_busy, held, look_interval_s, linger_s))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(
    is_busy: Callable[[], bool],
    command: list[str],
    look_interval_s: float,
    linger_s: float,
) -> None:
    loop = asyncio.get_running_loop()
    process: subprocess.Popen[bytes] | None = None
    busy_at = loop.time()
    try:
        while True:
            if is_busy():
                busy_at = loop.time()
                if process is None or process.poll() is not None:
                    process = await asyncio.to_thread(_start, command)
                    if process is None:
                        return
            elif process is not None and loop.time() - busy_at >= linger_s:
                await asyncio.to_thread(_end, process)
                process = None
            await asyncio.sleep(look_interval_s)
    finally:
        if process is not None:
            _end(process)


def _start(command: list[str]) -> subprocess.Popen[bytes] | None:
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    except OSError as error:
        log.warning("the machine may fall asleep over requests: %s", error)
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
