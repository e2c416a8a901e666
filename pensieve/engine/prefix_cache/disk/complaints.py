"""Failures that are nobody's error: each reason is in the log once in a while."""

import logging
import threading
import time

QUIET_S = 600.0


class Complaints:
    """Any thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._told_at: dict[str, float] = {}

    def tell(self, reason: str, detail: object) -> None:
        """Log a failure, unless its reason was told less than QUIET_S ago."""
        now = time.monotonic()
        with self._lock:
            told_at = self._told_at.get(reason)
            if told_at is not None and now - told_at < QUIET_S:
                return
            self._told_at[reason] = now
        self._log.warning("prefix cache on disk: %s: %s", reason, detail)
