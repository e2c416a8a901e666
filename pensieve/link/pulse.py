"""Signs of life of an engine in, a verdict out: silent, hung, or well.

No clock of its own: it is told what time has passed. So a worker that was itself
stopped, or late, has asked and waited before it finds an engine silent.
"""

from collections.abc import Callable
from typing import NamedTuple

from pensieve.link.deaths import Cause, EngineEnd

TICKS = 6
"""Times that a silent engine is asked, or waited for, before it is given up."""
MAX_INTERVAL_S = 5.0


class Patience(NamedTuple):
    """How long an engine may take, in seconds."""

    silence_s: float = 30.0
    """To answer whether it lives; also one that has been stopped (SIGSTOP)."""
    step_s: float = 600.0
    """For one step of the model, and for one grammar."""
    loading_s: float = 600.0
    """To answer while it loads: importing MLX may keep its main thread from it."""

    @property
    def interval_s(self) -> float:
        """Time between two questions."""
        return min(self.silence_s / TICKS, MAX_INTERVAL_S)


class Pulse:
    """Of one connection.

    Args:
        is_stopped: whether the process is stopped; asked only of a silent one.
    """

    def __init__(self, patience: Patience, is_stopped: Callable[[], bool]) -> None:
        self.is_loading = True
        """Until it is told otherwise."""
        self._patience = patience
        self._is_stopped = is_stopped
        self._silent_s = 0.0
        self._busy_s = 0.0

    def hear(self) -> None:
        """Note that the engine said something, whatever it was."""
        self._silent_s = 0.0

    def take_pong(self, busy_s: float) -> None:
        """Note what the engine answered."""
        self._busy_s = busy_s

    def tick(self, elapsed_s: float) -> EngineEnd | None:
        """Note that time has passed since the engine was asked; give it up or not.

        Args:
            elapsed_s: since the last tick; no more than two intervals count.
        """
        patience = self._patience
        if self._busy_s > patience.step_s:
            return EngineEnd(
                Cause.CRASH, f"one step took longer than {patience.step_s:g} s"
            )
        self._silent_s += min(elapsed_s, 2 * patience.interval_s)
        if self._silent_s < patience.silence_s:
            return None
        reason = f"it said nothing for {self._silent_s:.0f} s"
        if self._is_stopped():
            return EngineEnd(Cause.OUTSIDE, f"{reason}: it was stopped")
        if self.is_loading and self._silent_s < patience.loading_s:
            return None
        return EngineEnd(Cause.CRASH, reason)
