"""One request and its answer, seen from outside the framework.

Stands between the server and Falcon, as ASGI on both sides. It bounds the request's
body in size and time, cancels the work when the client leaves or the server must stop,
puts the request id on every answer, and writes the request's one line of log. Only it
calls the server's `receive`: gunicorn wakes one waiter at most.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from pensieve._native import sse
from pensieve.api.body_limits import BodyClock, BodyLimits
from pensieve.api.error_body import error_body, new_request_id
from pensieve.errors import ApiError, OverloadedError, RequestTimeoutError
from pensieve.figures import report
from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import CLIENT_LEFT, Totals

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MUST_END = "must_end"
"""Key of the server's state, an asyncio.Event: set when no answer may go on."""

BODY_CLOCK = "body_clock"
"""Key of the scope, a BodyClock: with it the server ends the wait for the body."""

DISCARD_S = 5.0
"""For the rest of a body that was answered unread, so that the answer is seen: a
connection closed on unread bytes is reset."""

QUIET_PATHS = {"/health", "/metrics", report.PATH}
"""Asked again and again by whoever watches the server: logged at debug level."""

COUNTED_PATH = "/v1/messages"
"""What is asked for here with POST is counted by how it ended."""

CLIENT_LEFT_STATUS = 499
"""The status in the log of a request whose client did not wait. Never sent."""

NO_STATUS = 500
"""What the server answers where nothing came from here."""

_log = logging.getLogger(__name__)


class Exchange:
    """A request on its way through the application. Falcon finds it in its scope."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limits: BodyLimits,
        totals: Totals,
    ) -> None:
        self.request_id = new_request_id()
        self.figures = RequestFigures(totals, request_id=self.request_id)
        """For the log and the totals; told by whoever knows."""
        self.cleanup = contextlib.AsyncExitStack()
        """Closed when the work ends, in whichever way."""
        self.ending = ""
        """How an answer ended that did not end well: an error's type, `client_left`."""
        self.answer_headers: list[tuple[bytes, bytes]] = []
        """Headers that the answer gets whatever it is."""
        self.key_name = ""
        """Whose request it is, for the log; empty: there is one key at most."""

        self._scope = scope
        self._receive = receive
        self._send = send
        self._limits = limits
        self._clock: BodyClock = scope.get(BODY_CLOCK) or BodyClock()
        self._body_bytes = 0
        self._held_bytes = 0
        self._body_taken = asyncio.Event()
        self._gone = asyncio.Event()
        state = scope.get("state", {})
        self._must_end: asyncio.Event = state.get(MUST_END) or asyncio.Event()
        self._begun_at = time.monotonic()
        self._status = 0
        self._has_ended = False
        self._is_event_stream = False

    @classmethod
    def of(cls, scope: Scope) -> "Exchange":
        """Return the exchange that a request belongs to."""
        exchange: Exchange = scope["exchange"]
        return exchange

    async def run(self, app: AsgiApp) -> None:
        """Let `app` answer, for as long as somebody wants the answer."""
        scope = {**self._scope, "exchange": self}
        work = asyncio.create_task(self._work(app, scope))
        gone = asyncio.create_task(self._watch_client())
        must_end = asyncio.create_task(self._must_end.wait())
        try:
            await asyncio.wait({work, gone, must_end}, return_when="FIRST_COMPLETED")
            if not work.done():
                await _cancelled(work)
                if gone.done():
                    self._status, self.ending = CLIENT_LEFT_STATUS, CLIENT_LEFT
                else:
                    await self._fail(OverloadedError("the server is stopping"))
            if not work.cancelled():
                work.result()
        finally:
            await _cancelled(work, gone, must_end)
            self._limits.give_back(self._held_bytes)
            self._note_end()
        await self._discard_body()

    async def _work(self, app: AsgiApp, scope: Scope) -> None:
        async with self.cleanup:
            try:
                await app(scope, self.receive, self.send)
            except ApiError as error:  # from `receive`, before Falcon has a request
                await self._fail(error)

    async def _watch_client(self) -> None:
        await self._body_taken.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    async def _fail(self, error: ApiError) -> None:
        """Answer with an error, in whichever form the answer still allows."""
        self.ending = error.type
        body = error_body(error.type, str(error), self.request_id)
        if not self._status:
            headers = {"content-type": "application/json", **error.headers}
            headers["content-length"] = str(len(body))
            start = {"type": "http.response.start", "status": error.status}
            pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
            await self.send({**start, "headers": pairs})
            await self.send({"type": "http.response.body", "body": body})
        elif self._is_event_stream and not self._has_ended:
            last = sse.frame(b"error", body)
            await self.send({"type": "http.response.body", "body": last})

    # ----- ASGI, towards Falcon -----

    async def receive(self) -> Message:
        """Return the next piece of the body, then `http.disconnect` when it comes.

        Raises:
            RequestTooLargeError: the body is over the limit, or is said to be.
            RequestTimeoutError: it did not come in time, or not all of it.
        """
        if self._body_taken.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        declared = self._declared_body_bytes()
        self._limits.check(declared)
        left_s = self._begun_at + self._limits.timeout_s - time.monotonic()
        try:
            async with self._clock.wait(left_s):  # wait_for loses a cancel
                message = await self._receive()
        except TimeoutError:
            message = {"type": "http.disconnect"}
        if message["type"] == "http.disconnect":
            raise RequestTimeoutError(self._why_late())
        size = len(message.get("body", b""))
        self._body_bytes += size
        # Falcon asks no more once it has what was declared, whatever `more_body` says.
        if not message.get("more_body") or 0 < declared <= self._body_bytes:
            self._body_taken.set()
        self._limits.check(self._body_bytes)
        self._limits.hold(size)
        self._held_bytes += size
        return message

    def _why_late(self) -> str:
        got = f"got {self._body_bytes} bytes"
        if self._clock.is_cut:
            return f"request body: expected it while others wait for a place, {got}"
        timeout_s = self._limits.timeout_s
        return (
            f"request body: expected all of it within {timeout_s:g} s and without long"
            f" pauses, {got}"
        )

    def _declared_body_bytes(self) -> int:
        for name, value in self._scope["headers"]:
            if name == b"content-length":
                return int(value)
        return 0

    async def _discard_body(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.wait(DISCARD_S):
                while not self._body_taken.is_set():
                    message = await self._receive()
                    if not message.get("more_body"):
                        self._body_taken.set()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on a piece of the answer."""
        # PERF: no coroutine of its own, as it is called for each token
        if message["type"] == "http.response.start":
            message = self._started(message)
        elif not message.get("more_body"):
            self._has_ended = True
        return self._send(message)

    def _started(self, message: Message) -> Message:
        """Note how the answer begins; return that with the request's id."""
        self._status = message["status"]
        headers = list(message["headers"])
        self._is_event_stream = any(
            name == b"content-type" and value.startswith(b"text/event-stream")
            for name, value in headers
        )
        headers += [(b"request-id", self.request_id.encode()), *self.answer_headers]
        return {**message, "headers": headers}

    # ----- log -----

    def _note_end(self) -> None:
        """Count the request, and write its line."""
        method, path = self._scope["method"], self._scope["path"]
        if (method, path) == ("POST", COUNTED_PATH):
            self.figures.ended(self.ending, self._status or NO_STATUS)
        parts = [
            method,
            quote(path),  # it may hold any character, a newline too
            str(self._status or NO_STATUS),
            f"{1000 * self.figures.took_s:.0f} ms",
            self.request_id,
        ]
        if self.key_name:
            parts.append(f"key={self.key_name}")
        if figures := str(self.figures):
            parts.append(figures)
        if self.ending:
            parts.append(f"end={self.ending}")
        is_quiet = path in QUIET_PATHS
        _log.log(logging.DEBUG if is_quiet else logging.INFO, " ".join(parts))


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
