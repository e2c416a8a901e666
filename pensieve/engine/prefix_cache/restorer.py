"""Prefixes on disk in, arrays out, in a thread of its own: no step waits for a file."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple

from pensieve.engine.busy import Busy
from pensieve.engine.prefix_cache.disk.tier import DiskTier, Plan, Restored
from pensieve.link.messages import Submit

log = logging.getLogger(__name__)


class RestoredSequence(NamedTuple):
    """A submitted sequence, and what was read of its prefix."""

    connection_id: int
    submit: Submit
    prefix: Restored | None
    """None: the files were of no use."""


class Wanted(NamedTuple):
    """A sequence's prefix that is to be read."""

    connection_id: int
    submit: Submit
    disk: DiskTier
    plan: Plan
    length: int
    """Tokens that the arrays shall have room for."""
    cancelled: threading.Event
    """Set when nobody wants it any more."""


class Restorer(threading.Thread):
    """Reads one prefix after the other; a daemon, which ends with the process.

    Args:
        on_restored: called in this thread.
    """

    def __init__(self, on_restored: Callable[[RestoredSequence], object]) -> None:
        super().__init__(name="restorer", daemon=True)
        self.busy = Busy()
        """With one prefix."""
        self._on_restored = on_restored
        self._wanted: SimpleQueue[Wanted] = SimpleQueue()

    def restore(self, wanted: Wanted) -> None:
        """Begin to read a sequence's prefix. Any thread."""
        self._wanted.put(wanted)

    def run(self) -> None:
        """Read for ever."""
        while True:
            wanted = self._wanted.get()
            if wanted.cancelled.is_set():
                continue
            self.busy.begin()
            restored = RestoredSequence(
                wanted.connection_id, wanted.submit, read(wanted)
            )
            self.busy.end()
            del wanted
            self._on_restored(restored)
            del restored  # and with it the arrays


def read(wanted: Wanted) -> Restored | None:
    """Read a sequence's prefix; a failure is a miss."""
    try:
        return wanted.disk.restore(wanted.plan, wanted.length)
    except Exception:
        log.exception("prefix cache: %d tokens cannot be restored", wanted.plan.size)
        return None
