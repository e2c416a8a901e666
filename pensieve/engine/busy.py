"""How long a thread has been at what it does now, as any other thread may ask."""

import time


class Busy:
    """Told by one thread when it begins something and when it has nothing to do."""

    def __init__(self) -> None:
        self._since: float | None = None

    def begin(self) -> None:
        """Note that something begins now, and that all before it has ended."""
        self._since = time.monotonic()

    def end(self) -> None:
        """Note that there is nothing to do."""
        self._since = None

    @property
    def seconds(self) -> float:
        """Since what is done now has begun; 0: there is nothing to do."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since
