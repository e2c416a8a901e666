"""The bytes of a connection, as they come."""

import asyncio


class Received(asyncio.Protocol):
    """What was received and not yet read; one reads at a time.

    PERF: asyncio.StreamReader does as much and takes several times as long for each
    read, of which there is one for each step of the engine;
    bench/serve/bench_http_cpu.py
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._has_ended = False
        self._error: Exception | None = None

    async def read(self) -> bytes:
        """Wait for bytes and return all that have come; none: the connection ended.

        Raises:
            OSError: the connection broke.
        """
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        received = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return received

    # ----- asyncio's side -----

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._pieces.append(data)
        self._wake()

    def eof_received(self) -> None:
        """Take the other side's end; asyncio then closes this side."""
        self._has_ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end of the connection."""
        self._has_ended = True
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
