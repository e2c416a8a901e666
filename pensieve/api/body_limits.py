"""What request bodies may be: each in size and time, and all of them in memory."""

import asyncio

from pensieve.errors import RateLimitError, RequestTooLargeError

AT_ONCE = 8
"""Bodies of the largest size that may be in memory together."""

RETRY_S = 2
"""When a client may come again whose body found no room."""


class BodyLimits:
    """The limits of one application, and how much of the last is used.

    Args:
        max_bytes: of one body.
        timeout_s: for a whole body, from the end of its head.
    """

    def __init__(self, max_bytes: int, timeout_s: float) -> None:
        self.max_bytes = max_bytes
        self.timeout_s = timeout_s
        self._held_bytes = 0

    def check(self, num_bytes: int) -> None:
        """Let a body of this size pass.

        Raises:
            RequestTooLargeError: it is over the limit.
        """
        if num_bytes > self.max_bytes:
            raise RequestTooLargeError(
                f"request body: expected at most {self.max_bytes} bytes, got"
                f" {num_bytes} or more"
            )

    def hold(self, num_bytes: int) -> None:
        """Take room for a piece of a body, until it is given back.

        Raises:
            RateLimitError: the bodies of other requests have it all.
        """
        most = AT_ONCE * self.max_bytes
        if self._held_bytes + num_bytes > most:
            raise RateLimitError(
                f"request bodies: expected at most {most} bytes of all requests"
                " together, got more",
                RETRY_S,
            )
        self._held_bytes += num_bytes

    def give_back(self, num_bytes: int) -> None:
        """Give room back that was taken."""
        self._held_bytes -= num_bytes


class BodyClock:
    """How long one request's body is awaited. The server may cut that short."""

    def __init__(self) -> None:
        self.is_cut = False
        self._wait: asyncio.Timeout | None = None

    def wait(self, timeout_s: float) -> asyncio.Timeout:
        """Return the context in which a piece is awaited; it ends with TimeoutError."""
        self._wait = asyncio.timeout(0 if self.is_cut else timeout_s)
        return self._wait

    def cut(self) -> None:
        """Wait no longer: others want the connection's place."""
        self.is_cut = True
        wait = self._wait
        if wait is not None and wait.when() is not None and not wait.expired():
            wait.reschedule(asyncio.get_running_loop().time())
