"""How an engine ended: by its own doing, from outside, or in order.

Only the first two can be a sequence's fault (`blame.py`). SIGKILL comes from outside,
unless the system ran out of memory, which is what the largest request may have done.
"""

import signal
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import psutil

from pensieve.link.messages import EXIT_MEMORY, EXIT_SOCKET_TAKEN

BLAMELESS = {0, EXIT_SOCKET_TAKEN, EXIT_MEMORY, -signal.SIGTERM, -signal.SIGINT}
"""Exit statuses of engines that ended in order, negative ones by a signal."""
LITTLE_MEMORY_BYTES = 512 << 20
"""A SIGKILL with less than this free is taken for the system's own."""

FIRST_DELAY_S = 0.1
MAX_DELAY_S = 30.0


class Cause(Enum):
    """What ended an engine, or the connection to it."""

    CRASH = "crash"
    """It did itself: an abort, an exception, a step without end, too much memory."""
    OUTSIDE = "outside"
    """Somebody's SIGKILL or SIGSTOP, a cut connection; or nobody knows."""
    IN_ORDER = "in order"
    """It was told to, or said that it had to: nobody's fault."""


class EngineEnd(NamedTuple):
    """An engine's end."""

    cause: Cause
    reason: str
    """For people: "SIGABRT", "exit status 1"."""


def end_of(exit_status: int | None, is_out_of_memory: bool = False) -> EngineEnd:
    """Return how a process ended.

    Args:
        exit_status: as subprocess has it, negative for a signal; None: not known, of an
            engine that another worker started.
        is_out_of_memory: whether the system ends processes for their memory.
    """
    if exit_status is None:
        return EngineEnd(Cause.OUTSIDE, "it is gone")
    if is_blameless(exit_status):
        return EngineEnd(Cause.IN_ORDER, _named(exit_status))
    if exit_status == -signal.SIGKILL and not is_out_of_memory:
        return EngineEnd(Cause.OUTSIDE, _named(exit_status))
    what = " (out of memory)" if is_out_of_memory else ""
    return EngineEnd(Cause.CRASH, _named(exit_status) + what)


def is_blameless(exit_status: int) -> bool:
    """Whether an engine that ends so does it in order, through no sequence's fault."""
    return exit_status in BLAMELESS


def num_oom_kills() -> int:
    """Return how many processes the system has ended for want of memory.

    0 where it does not say (macOS).
    """
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    counts = dict(line.split(" ", 1) for line in lines)
    return int(counts.get("oom_kill", 0))


def is_short_of_memory() -> bool:
    """Whether the system has little memory left."""
    return bool(psutil.virtual_memory().available < LITTLE_MEMORY_BYTES)


def delay_s(num_ends: int) -> float:
    """Return how long to wait before the next engine, after so many ends in a row."""
    doublings = min(num_ends - 1, 16)  # 2 ** 16 is far above the limit
    return min(MAX_DELAY_S, FIRST_DELAY_S * (1 << doublings))


def _named(exit_status: int) -> str:
    try:
        return signal.Signals(-exit_status).name
    except ValueError:
        return f"exit status {exit_status}"
