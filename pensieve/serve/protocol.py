"""One HTTP connection, with the limits that gunicorn's own protocol does not set.

A request's head must come in time, a reader that takes nothing is cut off, connections
beyond the limit are turned away, and every refusal has the API's error body. gunicorn's
names that begin with an underscore are its own business: pyproject.toml pins its range,
and tests/serve holds what is relied on.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from gunicorn.asgi.protocol import ASGIProtocol

from pensieve.api.error_body import error_body, error_type, new_request_id

if TYPE_CHECKING:
    from pensieve.serve.worker import Worker

LINGER_S = 2.0
"""How long a refused client gets to read why."""


class Protocol(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's connection, bounded in time and number."""

    worker: "Worker"
    transport: asyncio.Transport
    _closed: bool

    def __init__(self, worker: "Worker") -> None:
        super().__init__(worker)
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_refused = False

    # ----- a connection's life -----

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take the connection, or turn it away where there are enough."""
        if self.worker.has_room():
            self.worker.connections.add(self)
            super().connection_made(transport)
            self._expect_head()
            return
        self.transport = transport
        self.worker.nr_conns += 1
        limit = self.worker.worker_connections
        why = f"too many connections: expected at most {limit}"
        self._send_error_response(503, why, [("Retry-After", "1")])
        self._close_transport()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; gunicorn tells the application."""
        self.worker.connections.discard(self)
        self._head_received()
        self._written()
        super().connection_lost(exc)

    def close_if_idle(self) -> None:
        """Close a connection on which no request is being answered."""
        if self._current_request is None and not self._finishing_calls:
            self._close_transport()
            self._request_ready.set()

    # ----- reading -----

    def data_received(self, data: bytes) -> None:
        """Feed the parser; the first bytes of a next request start its clock."""
        if self._is_refused:
            return
        if self._awaiting_request and self._current_request is None:
            self._cancel_keepalive_timer()
            self._expect_head()
        super().data_received(data)

    def _on_headers_complete(self) -> bool:
        self._head_received()
        skip_body: bool = super()._on_headers_complete()
        return skip_body

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.worker.loop.call_later(
                self.worker.header_timeout_s, self._head_is_late
            )

    def _head_received(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        limit_s = self.worker.header_timeout_s
        why = f"request head: expected all of it within {limit_s:g} s"
        self._send_error_response(408, why)
        self._close_transport()
        self._request_ready.set()

    # ----- writing -----

    def pause_writing(self) -> None:
        """Start the clock of a reader that falls behind."""
        super().pause_writing()
        self._expect_written()

    def resume_writing(self) -> None:
        """Stop it: the reader has caught up."""
        self._written()
        super().resume_writing()

    def _expect_written(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.worker.loop.call_later(
                self.worker.write_timeout_s, self.transport.abort
            )

    def _written(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    # ----- refusing and closing -----

    def _send_error_response(
        self, status: int, message: str, extra_headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        request_id = new_request_id()
        body = error_body(error_type(status), message, request_id)
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Request-Id: {request_id}",
            *(f"{name}: {value}" for name, value in extra_headers),
            "Connection: close",
        ]
        self._safe_write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        self._is_refused = True
        self.log.info("refused: %d %s %r", status, request_id, message)

    def _close_transport(self) -> None:
        if self._closed:
            return
        if not self._is_refused:
            super()._close_transport()
            if self.transport.get_write_buffer_size():
                self._expect_written()
            return
        # To close a socket that has unread bytes resets it, and the client never sees
        # the answer: only this side ends, and the client gets a moment to leave.
        self._closed = True
        if not self.transport.is_closing():
            self.transport.write_eof()
        self.worker.loop.call_later(LINGER_S, self.transport.abort)
