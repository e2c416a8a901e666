"""The events of one reply → server-sent event bytes, one piece for each write.

Events that are ready together leave in one piece. Silence becomes a `ping`, a failure
an `error` event: once the stream has begun, no other answer can be given.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

import msgspec

from pensieve._native import sse
from pensieve.api.error_body import error_body
from pensieve.api.exchange import Exchange
from pensieve.errors import ApiError
from pensieve.schema.events import (
    ContentBlockDelta,
    Event,
    Ping,
    TextDelta,
)

PING = sse.frame(b"ping", msgspec.json.encode(Ping()))

_TEXT_FIELDS: dict[type[msgspec.Struct], str] = {TextDelta: "text"}
"""Deltas that are one piece of text: they come for each token."""

_log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True):
    """The times of a stream, in seconds."""

    grace_s: float = 1.0
    """How long the first event is awaited: until then a failure is an HTTP error."""
    ping_s: float = 10.0
    """Silence before a ping. Claude Code gives up after 300 s without a byte."""


class EventStream:
    """Asynchronous iterator of bytes, for Falcon's `resp.stream`."""

    def __init__(
        self, events: AsyncGenerator[Event], exchange: Exchange, pace: Pace
    ) -> None:
        self._exchange = exchange
        self._pace = pace
        self._framer = _Framer()
        self._frames: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._source = asyncio.create_task(self._collect(events))
        self._source.add_done_callback(lambda _: self._wake())
        self._has_failed = False

    async def begin(self) -> None:
        """Wait for the first event, or for the end of the grace, which makes a ping.

        Raises:
            ApiError: the request was refused before there was an event.
        """
        await self._wait(self._pace.grace_s)
        if not self._frames and self._source.done():
            self._source.result()
        if not self._frames:
            self._frames.append(PING)

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> bytes:
        await self._wait(self._pace.ping_s)
        if self._frames:
            piece = b"".join(self._frames)
            self._frames.clear()
            return piece
        if not self._source.done():
            return PING
        error = self._source.exception()
        if error is None or self._has_failed:
            raise StopAsyncIteration
        self._has_failed = True
        return self._error_event(error)

    async def aclose(self) -> None:
        """End the reply, wherever it is."""
        self._source.cancel()
        await asyncio.gather(self._source, return_exceptions=True)

    async def _collect(self, events: AsyncGenerator[Event]) -> None:
        async with contextlib.aclosing(events):
            async for event in events:
                self._frames.append(self._framer.frame(event))
                self._wake()

    async def _wait(self, timeout_s: float) -> None:
        """Wait until there are frames or there is nothing more to come."""
        if self._frames or self._source.done():
            return
        # PERF: one future and one timer; asyncio.wait_for would make a task a token
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(timeout_s, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _error_event(self, error: BaseException) -> bytes:
        if not isinstance(error, ApiError):
            _log.error("%s failed", self._exchange.request_id, exc_info=error)
            error = ApiError("internal error; the server's log has it")
        self._exchange.ending = error.type
        body = error_body(error.type, str(error), self._exchange.request_id)
        return sse.frame(b"error", body)


class _Framer:
    """Frames events; knows the blocks of one stream."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._deltas: dict[tuple[int, type[msgspec.Struct]], sse.DeltaFramer] = {}

    def frame(self, event: Event) -> bytes:
        if isinstance(event, ContentBlockDelta):
            field = _TEXT_FIELDS.get(type(event.delta))
            if field is not None:
                framer = self._delta_framer(event.index, event.delta, field)
                return framer.frame(getattr(event.delta, field))
        return sse.frame(_type_of(event).encode(), self._encoder.encode(event))

    def _delta_framer(
        self, index: int, delta: msgspec.Struct, field: str
    ) -> sse.DeltaFramer:
        key = (index, type(delta))
        if key not in self._deltas:
            self._deltas[key] = sse.DeltaFramer(index, _type_of(delta), field)
        return self._deltas[key]


def _type_of(struct: msgspec.Struct) -> str:
    """Return the "type" that the struct has in JSON."""
    return str(struct.__struct_config__.tag)
