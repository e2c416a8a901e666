"""Answers the requests of batches, the oldest first, in the background.

Live requests go first: the engine client lets these wait while it has others. Of two
servers on one store, one runs at a time, which a lock file sees to.
"""

import asyncio
import contextlib
import fcntl
import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO

import msgspec

from pensieve import places, prompt_log
from pensieve.batches.store import BatchStore, PendingRequest
from pensieve.errors import (
    ApiError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
)
from pensieve.figures.request import RequestFigures
from pensieve.figures.totals import Totals
from pensieve.pipeline import Pipeline
from pensieve.schema.batch import Errored, Succeeded
from pensieve.schema.bodies import decode_request
from pensieve.schema.events import ErrorBody, ErrorEvent

log = logging.getLogger("pensieve.batches")

RETRY_S = 1.0
"""Between two looks at a lock that another server holds, or at an engine that is not
there."""
SETTLE_S = 60.0
"""Between two looks for what has expired."""


class BatchRunner:
    """Works as long as it runs. Of one event loop.

    Args:
        store: not closed here.
        lock_path: a file beside the store's.
        serving: takes a model's name and gives its pipeline, for as long as the context
            is entered. Raises ApiError for a name that is not served here.
        max_at_once: requests under way at a time.
        totals: what the requests' figures are added to.
    """

    def __init__(
        self,
        store: BatchStore,
        lock_path: Path,
        serving: Callable[[str], AbstractAsyncContextManager[Pipeline]],
        max_at_once: int,
        totals: Totals,
    ) -> None:
        self._store = store
        self._lock_path = lock_path
        self._serving = serving
        self._max_at_once = max_at_once
        self._totals = totals
        self._under_way: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what was left unanswered when the last server ended goes on."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop. What is under way stays unanswered, for the next server."""
        tasks = [*self._under_way.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look at the store again: a batch was made or canceled."""
        self._changed.set()

    async def _run(self) -> None:
        with places.open_private(self._lock_path, "wb") as lock:
            await _locked(lock)
            while True:
                self._changed.clear()
                try:
                    pending = await self._take_stock()
                except sqlite3.Error:  # a full disk, say: it may pass
                    log.exception("the batches cannot be read")
                    await asyncio.sleep(RETRY_S)
                    continue
                for request in pending:
                    key = (request.batch_id, request.place)
                    if len(self._under_way) < self._max_at_once:
                        task = asyncio.create_task(self._answer(request))
                        self._under_way[key] = task
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SETTLE_S):  # wait_for loses a cancel
                        await self._changed.wait()

    async def _take_stock(self) -> list[PendingRequest]:
        """Return what is to be begun; stop what has been canceled meanwhile."""
        limit = 2 * self._max_at_once
        found = await asyncio.to_thread(self._store.pending, limit)
        wanted = {(each.batch_id, each.place) for each in found}
        for key, task in self._under_way.items():
            if key not in wanted:
                task.cancel()
        await asyncio.to_thread(self._store.settle)
        return [
            each for each in found if (each.batch_id, each.place) not in self._under_way
        ]

    async def _answer(self, request: PendingRequest) -> None:
        figures = RequestFigures(
            self._totals, is_background=True, request_id=_name(request)
        )
        ending = "canceled"  # or left for the next server
        try:
            result = await self._result(request, figures)
            ending = "" if isinstance(result, Succeeded) else result.error.error.type
            outcome = "succeeded" if isinstance(result, Succeeded) else "errored"
            await asyncio.to_thread(self._store.record, request, outcome, result)
        finally:
            figures.ended(ending)
            _log_end(request, figures, ending)
            del self._under_way[request.batch_id, request.place]
            self.wake()

    async def _result(
        self, pending: PendingRequest, figures: RequestFigures
    ) -> Succeeded | Errored:
        whose = f"batch {_name(pending)}"
        prompt_log.tell(whose, pending.params)
        while True:
            try:
                request = decode_request(pending.params)
                if request.stream:
                    raise InvalidRequestError("stream: a batch's requests cannot")
                async with self._serving(request.model) as pipeline:
                    prepared = await pipeline.prepare(request, figures=figures)
                    message = await pipeline.answer(
                        prepared, is_background=True, figures=figures
                    )
            except (OverloadedError, RateLimitError):
                await asyncio.sleep(RETRY_S)
            except ApiError as error:
                return Errored(ErrorEvent(ErrorBody(error.type, str(error))))
            except Exception as error:
                log.error("%s failed %s", whose, prompt_log.failure(whose, error))
                body = ErrorBody("api_error", "internal error; the server's log has it")
                return Errored(ErrorEvent(body))
            else:
                usage = msgspec.structs.replace(message.usage, service_tier="batch")
                return Succeeded(msgspec.structs.replace(message, usage=usage))


def _name(request: PendingRequest) -> str:
    return f"{request.batch_id} {request.place}"


def _log_end(request: PendingRequest, figures: RequestFigures, ending: str) -> None:
    """Write a request's line, as live ones have it."""
    parts = [
        f"batch {_name(request)}",
        f"{1000 * figures.took_s:.0f} ms",
        str(figures),
        f"end={ending}" if ending else "",
    ]
    log.info("%s", " ".join(part for part in parts if part))


async def _locked(file: IO[bytes]) -> None:
    """Wait until no other process holds the lock, and take it."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            await asyncio.sleep(RETRY_S)
