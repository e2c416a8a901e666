"""Looks at memory between steps, and does what the table of states says.

Each state does what the milder ones do, so what follows is done in order and no further
than needed: past prompts no longer grow, then go, one sequence at a time, nothing new;
at last the largest sequence is ended, and if that did not help, the engine. Model
thread only.
"""

import logging
import time
from collections.abc import Callable

import mlx.core as mx

from pensieve.engine.device_memory import give_back_buffers
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import MemoryReport
from pensieve.machine_memory import Reading
from pensieve.memory_states import TABLE, MemoryState, MemoryThresholds

log = logging.getLogger(__name__)

RELIEF_S = 5.0
"""What ending a sequence gets to help in, before the engine ends."""
REPORT_INTERVAL_S = 10.0
"""Between two reports without a change."""
STARVED_S = 30.0
"""How long requests wait for memory that nothing here will give back."""


class MemoryGuard:
    """Watches over one scheduler.

    Args:
        tell: called with a report at each change.
        clock: in seconds.
    """

    def __init__(
        self,
        thresholds: MemoryThresholds,
        scheduler: Scheduler,
        tell: Callable[[MemoryReport], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._thresholds = thresholds
        self._scheduler = scheduler
        self._room = scheduler.room
        self._prefixes = scheduler.prefixes
        self._tell = tell
        self._clock = clock
        self._done = ""
        self._last: MemoryReport | None = None
        self._told_at = 0.0
        self._relief_at = 0.0  # in an emergency: when the next thing is done
        self._has_ended_one = False
        self._starved_at = 0.0
        self.must_end = False
        """Whether the engine has to end, to give all its memory back."""

    idle_look_s = 1.0
    """Between two looks while nothing is at work: others may want what is kept."""

    @property
    def state(self) -> MemoryState:
        """How memory was at the last look."""
        return self._room.state

    def look(self) -> None:
        """Look at memory, unless that was just done; act on it."""
        if not self._room.reading.is_due:
            return
        reading = self._enter(self._room.reading.now())
        if not TABLE[self.state].keeps_cache and (given := self._give_back()):
            self._note(f"gave back {given >> 20} MB of past prompts", reading)
            reading = self._enter(self._room.reading.now())
        self._limit_cache(reading)
        if TABLE[self.state].ends_largest:
            self._relieve(reading)
        if not TABLE[self.state].takes_new:
            self._turn_away(reading)
        if self._last is None or self._clock() > self._told_at + REPORT_INTERVAL_S:
            self._report(reading)

    def _enter(self, reading: Reading) -> Reading:
        before = self.state
        state = self._thresholds.next_state(before, reading.free_bytes)
        self._room.state = state
        if state == before:
            return reading
        log.log(
            logging.INFO if state is MemoryState.SAFE else logging.WARNING,
            "memory: %s, %d MB free (%s)",
            state.label,
            reading.free_bytes >> 20,
            reading.bound,
        )
        now = self._clock()
        if not TABLE[before].ends_largest:
            self._relief_at, self._has_ended_one = now, False
        if TABLE[before].takes_new:
            self._starved_at = now + STARVED_S
        self._report(reading)
        return reading

    def _give_back(self) -> int:
        """Give up what is kept of past prompts; return how many bytes that was."""
        nbytes = self._prefixes.nbytes
        self._prefixes.spill()
        give_back_buffers()
        return nbytes

    def _limit_cache(self, reading: Reading) -> None:
        """Let past prompts take what is free beyond the first state's boundary.

        Copies that go to disk are soon free again: they get half of what is free
        beyond the boundary below which nothing is begun.
        """
        row = TABLE[self.state]
        spare = copied = 0
        left = reading.free_bytes - self._scheduler.promised_bytes
        if row.grows_cache:
            spare = max(0, left - self._thresholds.caution_bytes)
        if row.takes_new:
            copied = max(0, left - self._thresholds.critical_bytes) // 2
        self._prefixes.limit(self._prefixes.nbytes + spare if row.keeps_cache else 0)
        self._prefixes.limit_copies(copied)

    def _relieve(self, reading: Reading) -> None:
        """End the largest sequence, or if that was done in vain, the engine."""
        if self._clock() < self._relief_at:
            return
        self._relief_at = self._clock() + RELIEF_S
        if not self._has_ended_one:
            self._has_ended_one = True
            size = self._scheduler.end_largest(
                f"memory: {reading.free_bytes >> 20} MB are left on this machine, and"
                f" below {self._thresholds.emergency_bytes >> 20} MB the largest"
                " request is ended, which was this one"
            )
            if size is not None:
                self._note(f"ended the largest request, of {size} tokens", reading)
        elif self._room.has_let_in:  # else it has nothing to give back but its model
            self.must_end = True
            self._note("ended the engine, to start it again empty", reading)

    def _turn_away(self, reading: Reading) -> None:
        """Fail what has waited for memory for long, with nothing to wait for."""
        if self._clock() < self._starved_at:
            return
        bound = self._thresholds.critical_bytes
        count = self._scheduler.turn_away(
            f"memory: {reading.free_bytes >> 20} MB are left on this machine, and"
            f" requests need {bound >> 20} MB to begin"
        )
        if count:
            self._note(f"turned {count} waiting requests away", reading)

    def _note(self, done: str, reading: Reading) -> None:
        log.warning("memory: %s", done)
        self._done = done
        self._report(reading)

    def _report(self, reading: Reading) -> None:
        """Tell how memory is, if that is news."""
        report = MemoryReport(
            self.state,
            reading.free_bytes,
            reading.bound,
            int(mx.get_active_memory()),
            int(mx.get_peak_memory()),
            int(mx.get_cache_memory()),
            self._done,
            self.must_end,
        )
        self._told_at = self._clock()
        if report != self._last:
            self._last = report
            self._tell(report)
