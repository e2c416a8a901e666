"""One HTTP connection, with the limits that gunicorn's own protocol does not set.

A request's head must be small and come in time, a reader that takes nothing is cut off,
connections beyond the limit take the place of those that keep the server waiting, and
every refusal has the API's error body. gunicorn's names that begin with an underscore
are its own business: pyproject.toml pins its range, and tests/serve holds what is
relied on.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from gunicorn.asgi.parser import LimitRequestHeaders, ParseError
from gunicorn.asgi.protocol import ASGIProtocol

from pensieve.api.body_limits import BodyClock
from pensieve.api.error_body import error_body, error_type, new_request_id
from pensieve.api.exchange import BODY_CLOCK
from pensieve.serve.room import Stage

if TYPE_CHECKING:
    from pensieve.serve.worker import Worker

LINGER_S = 2.0
"""How long a refused client gets to read why."""

MAX_SMALL_PIECES = 4096
SMALL_PIECE = 64
"""Bytes. A body in smaller pieces is work for nothing; some are everybody's right."""


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
        self._head_bytes = 0
        self._body_clock = BodyClock()
        self._body_bytes = self._body_pieces = 0

    # ----- a connection's life -----

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take the connection, or turn it away where all places are in use."""
        if self.worker.alive and self.worker.room.enter(self):
            super().connection_made(transport)
            self._expect_head()
            return
        self.transport = transport
        self.worker.nr_conns += 1
        self._refuse_for_want_of_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; gunicorn tells the application."""
        self.worker.room.left(self)
        self._head_received()
        self._written()
        super().connection_lost(exc)

    def close_if_idle(self) -> None:
        """Close a connection on which no request is being answered."""
        if self._current_request is None and not self._finishing_calls:
            self._close_transport()
            self._request_ready.set()

    def make_way(self, stage: Stage) -> None:
        """Leave the place to another connection."""
        if stage is Stage.HEAD:
            self._refuse_for_want_of_room()
            self._request_ready.set()
        elif stage is Stage.IDLE:
            self.close_if_idle()
        else:
            self._body_clock.cut()

    def abort(self) -> None:
        """Close the connection at once, whatever is unsent."""
        self.transport.abort()

    def _refuse_for_want_of_room(self) -> None:
        limit = self.worker.room.size
        why = f"too many connections: expected at most {limit}"
        self._send_error_response(503, why, [("Retry-After", "1")])
        self._close_transport()

    # ----- reading -----

    def data_received(self, data: bytes) -> None:
        """Feed the parser; the first bytes of a next request start its clock."""
        if self._is_refused:
            return
        if self._awaiting_request and self._current_request is None:
            self._cancel_keepalive_timer()
            self._expect_head()
        super().data_received(data)
        if self._head_timer is not None and not self._is_refused:
            self._head_bytes += len(data)
            if self._head_bytes > self.worker.max_head_bytes:
                self._send_error_response(431, self._head_is_too_large())
                self._close_transport()
                self._request_ready.set()

    def _on_headers_complete(self) -> bool:
        self._head_received()
        self._check_head(self._callback_parser.headers)
        skip_body: bool = super()._on_headers_complete()
        self._body_clock = BodyClock()
        self._body_bytes = self._body_pieces = 0
        self.worker.room.moved(self, Stage.BODY)
        return skip_body

    def _on_body(self, chunk: bytes) -> None:
        self._body_pieces += 1
        self._body_bytes += len(chunk)
        few_bytes = self._body_bytes < SMALL_PIECE * self._body_pieces
        if self._body_pieces > MAX_SMALL_PIECES and few_bytes:
            raise ParseError(
                f"request body: expected pieces of {SMALL_PIECE} bytes or more, got"
                f" {self._body_pieces} with {self._body_bytes} bytes in all"
            )
        super()._on_body(chunk)

    def _on_message_complete(self) -> None:
        super()._on_message_complete()
        self.worker.room.moved(self, Stage.ANSWER)

    def _arm_keepalive_timer(self) -> None:
        super()._arm_keepalive_timer()
        self.worker.room.moved(self, Stage.IDLE)

    def _build_http_scope(self, *arguments: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(*arguments)
        scope[BODY_CLOCK] = self._body_clock
        return scope

    def _check_head(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Refuse a head that is too large, by an error that gunicorn answers."""
        if sum(len(name) + len(value) + 4 for name, value in headers) > (
            self.worker.max_head_bytes
        ):
            raise LimitRequestHeaders(self._head_is_too_large())

    def _head_is_too_large(self) -> str:
        limit = self.worker.max_head_bytes
        return f"request head: expected at most {limit} bytes, got more"

    def _feed_callback_parser(self, data: bytes) -> bool:
        try:
            goes_on: bool = super()._feed_callback_parser(data)
        except ValueError:  # from int(): a length of more digits than it reads
            self._send_error_response(400, "content-length: expected a length")
            self._close_transport()
            goes_on = False
        return goes_on

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_bytes = 0
            self.worker.room.moved(self, Stage.HEAD)
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
        self._head_received()  # nothing more is expected
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
        # Not the message: what is no HTTP may be a prompt or a key.
        self.log.info("refused: %d %s", status, request_id)

    def _close_transport(self) -> None:
        if self._closed:
            return
        if not self._is_refused and not self._has_unread_body():
            super()._close_transport()
            if self.transport.get_write_buffer_size():
                self._expect_written()
            return
        # To close a socket that has unread bytes resets it, and the client never sees
        # the answer: only this side ends, and the client gets a moment to leave.
        self._is_refused = self._closed = True
        self.worker.room.leaving(self)
        if not self.transport.is_closing():
            self.transport.write_eof()
        self.worker.loop.call_later(LINGER_S, self.transport.abort)

    def _has_unread_body(self) -> bool:
        receiver = self._body_receiver
        return receiver is not None and not receiver._complete
