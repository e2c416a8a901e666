"""Whether memory lets requests in, as the HTTP process knows it.

It looks by itself, so that this is known while the engine loads or is gone, and hears
from the engine, which also knows of the GPU. The worse of the two holds.
"""

import logging
from collections.abc import Callable

import msgspec

from pensieve.errors import RateLimitError
from pensieve.link.messages import MemoryReport
from pensieve.machine_memory import Reading, RecentReading, read_memory
from pensieve.memory_states import TABLE, MemoryState, MemoryThresholds

log = logging.getLogger("pensieve.link")

RETRY_AFTER_S = 10
"""What a client is told when memory is short: others' answers have to end first."""


class MemoryHealth(msgspec.Struct, frozen=True):
    """How memory is."""

    state: str
    free_bytes: int
    bound: str
    """What bounds it: the machine, a control group, a limit of the process, the GPU."""
    thresholds: MemoryThresholds
    mlx_active_bytes: int
    mlx_peak_bytes: int
    mlx_cache_bytes: int
    done: str
    """What was done last for want of memory; empty: nothing yet."""


class MemoryWatch:
    """The HTTP process's view of memory.

    Args:
        read: does not raise.
    """

    def __init__(
        self, thresholds: MemoryThresholds, read: Callable[[], Reading] = read_memory
    ) -> None:
        self._thresholds = thresholds
        self._reading = RecentReading(read)
        self._own_state = self._logged_state = MemoryState.SAFE
        self._report: MemoryReport | None = None
        self._done = ""

    def take(self, report: MemoryReport) -> None:
        """Note what the engine says."""
        if report.done not in ("", self._done):
            self._done = report.done
            log.warning("memory: the engine %s", report.done)
        self._report = report
        self._now()

    def forget_engine(self) -> bool:
        """Note that the engine is gone; return whether it was to give memory back."""
        ended = self._report is not None and self._report.ends_engine
        self._report = None
        return ended

    @property
    def engine_takes_new(self) -> bool:
        """Whether it begins what it is given, as far as it has said."""
        return self._report is None or TABLE[self._report.state].takes_new

    def check_takes_new(self) -> None:
        """Let a new request pass.

        Raises:
            RateLimitError: memory is too short for one.
        """
        state, reading = self._now()
        if not TABLE[state].takes_new:
            raise RateLimitError(
                f"memory is short: {reading.free_bytes >> 20} MB are left, and requests"
                f" are taken from {self._thresholds.critical_bytes >> 20} MB",
                RETRY_AFTER_S,
            )

    def health(self) -> MemoryHealth:
        """Return how memory is, and what was done for want of it."""
        state, reading = self._now()
        report = self._report
        return MemoryHealth(
            state=state.label,
            free_bytes=reading.free_bytes,
            bound=reading.bound,
            thresholds=self._thresholds,
            mlx_active_bytes=report.active_bytes if report else 0,
            mlx_peak_bytes=report.peak_bytes if report else 0,
            mlx_cache_bytes=report.cache_bytes if report else 0,
            done=self._done,
        )

    def _now(self) -> tuple[MemoryState, Reading]:
        """Return the worse of what is read here and what the engine said."""
        reading = self._reading()
        self._own_state = self._thresholds.next_state(
            self._own_state, reading.free_bytes
        )
        state, report = self._own_state, self._report
        if report is not None and report.state > state:
            state = report.state
            reading = Reading(report.free_bytes, report.bound)
        if state != self._logged_state:
            self._logged_state = state
            log.log(
                logging.INFO if state is MemoryState.SAFE else logging.WARNING,
                "memory: %s, %d MB free (%s)",
                state.label,
                reading.free_bytes >> 20,
                reading.bound,
            )
        return state, reading
