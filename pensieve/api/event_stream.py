"""The events of one reply → server-sent event bytes, one piece for each write.

Events that are ready together leave in one piece. Silence becomes a `ping`, a failure
an `error` event: once the stream has begun, no other answer can be given.
"""

import asyncio
import contextlib
import logging
import operator
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import msgspec

from pensieve import prompt_log
from pensieve._native import sse
from pensieve.api.error_body import error_body
from pensieve.api.exchange import Exchange
from pensieve.errors import ApiError
from pensieve.schema.events import (
    ContentBlockDelta,
    Event,
    InputJsonDelta,
    Ping,
    TextDelta,
    ThinkingDelta,
)

PING = sse.frame(b"ping", msgspec.json.encode(Ping()))

_TEXT_FIELDS: dict[type[msgspec.Struct], str] = {
    TextDelta: "text",
    ThinkingDelta: "thinking",
    InputJsonDelta: "partial_json",
}
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
        self._loop = asyncio.get_running_loop()
        self._asked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._source = asyncio.create_task(self._collect(events))
        self._source.add_done_callback(lambda _: self._wake())
        self._has_failed = False

    async def begin(self) -> None:
        """Wait for the first event, or for the end of the grace, which makes a ping.

        Raises:
            ApiError: the request was refused before there was an event.
        """
        grace = self._loop.call_later(self._pace.grace_s, self._wake)
        try:
            await self._wait()
        finally:
            grace.cancel()
        if not self._frames and self._source.done():
            self._source.result()
        if not self._frames:
            self._frames.append(PING)

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> bytes:
        await self._wait()
        if self._frames:
            frames = self._frames
            piece = frames[0] if len(frames) == 1 else b"".join(frames)
            frames.clear()
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
        if self._timer is not None:
            self._timer.cancel()
        self._source.cancel()
        await asyncio.gather(self._source, return_exceptions=True)

    async def _collect(self, events: AsyncGenerator[Event]) -> None:
        frame, frames = self._framer.frame, self._frames
        async with contextlib.aclosing(events):
            async for event in events:
                frames.append(frame(event))
                self._wake()

    async def _wait(self) -> None:
        """Wait until there are frames, or nothing more to come, or for too long."""
        if self._frames or self._source.done():
            return
        self._asked_at = self._loop.time()
        if self._timer is None:
            self._watch_silence(self._pace.ping_s)
        self._waiter = self._loop.create_future()
        await self._waiter

    def _watch_silence(self, delay_s: float) -> None:
        # PERF: one timer for all that is awaited; one for each token cost as much as
        # its framing. bench/serve/bench_http_cpu.py
        self._timer = self._loop.call_later(delay_s, self._look)

    def _look(self) -> None:
        """End a wait that has lasted too long; look again when one may have."""
        left_s = self._pace.ping_s
        if self._waiter is not None and not self._waiter.done():
            left_s += self._asked_at - self._loop.time()
            if left_s <= 0:
                self._wake()
                left_s = self._pace.ping_s
        self._watch_silence(left_s)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _error_event(self, error: BaseException) -> bytes:
        if not isinstance(error, ApiError):
            whose = self._exchange.request_id
            _log.error("%s failed %s", whose, prompt_log.failure(whose, error))
            error = ApiError("internal error; the server's log has it")
        self._exchange.ending = error.type
        body = error_body(error.type, str(error), self._exchange.request_id)
        return sse.frame(b"error", body)


class _Framer:
    """Frames events; knows the blocks of one stream."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._deltas: dict[tuple[int, type[msgspec.Struct]], _Delta] = {}

    def frame(self, event: Event) -> bytes:
        if isinstance(event, ContentBlockDelta):
            delta = event.delta
            known = self._deltas.get((event.index, type(delta)))
            if known is None:
                known = self._add(event.index, delta)
            if known is not None:
                frame, text_of = known
                return frame(text_of(delta))
        return sse.frame(_type_of(event).encode(), self._encoder.encode(event))

    def _add(self, index: int, delta: msgspec.Struct) -> "_Delta | None":
        field = _TEXT_FIELDS.get(type(delta))
        if field is None:
            return None
        framer = sse.DeltaFramer(index, _type_of(delta), field)
        known = _Delta(framer.frame, operator.attrgetter(field))
        self._deltas[index, type(delta)] = known
        return known


class _Delta(NamedTuple):
    """How the deltas of one block and type are framed."""

    frame: Callable[[str], bytes]
    text_of: Callable[[msgspec.Struct], str]


def _type_of(struct: msgspec.Struct) -> str:
    """Return the "type" that the struct has in JSON."""
    return str(struct.__struct_config__.tag)
