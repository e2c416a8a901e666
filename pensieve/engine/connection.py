"""One client's connection: frames in, requests out; events in, frames out."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import Event, Request

log = logging.getLogger(__name__)

MAX_UNSENT_BYTES = 4 << 20
"""A client that leaves more unread is cut off; a step's events are some ten bytes."""


class Connection(asyncio.Protocol):
    """The socket's callbacks.

    Args:
        on_open, on_close: called with the connection.
        on_request: called with the connection and each request.
    """

    def __init__(
        self,
        connection_id: int,
        on_open: Callable[["Connection"], None],
        on_request: Callable[["Connection", Request], None],
        on_close: Callable[["Connection"], None],
    ) -> None:
        self.connection_id = connection_id
        self.has_said_hello = False
        self._on_open = on_open
        self._on_request = on_request
        self._on_close = on_close
        self._decoder = FrameDecoder[Request](Request)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        """Pass on the requests that are complete; cut off who sends something else."""
        try:
            for request in self._decoder.feed(data):
                self._on_request(self, request)
        except ConnectionError as error:
            log.warning("connection %d is cut off: %s", self.connection_id, error)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that nothing more will come."""
        self._transport = None
        self._on_close(self)

    def send(self, events: Iterable[Event]) -> None:
        """Write events, in one piece; cut off a client that does not read."""
        if self._transport is None:
            return
        self._transport.write(b"".join(map(encode_frame, events)))
        unsent = self._transport.get_write_buffer_size()
        if unsent > MAX_UNSENT_BYTES:
            log.warning(
                "connection %d is cut off: it leaves %d bytes unread",
                self.connection_id,
                unsent,
            )
            self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
