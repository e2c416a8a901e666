"""/v1/messages/batches: many requests, answered when there is time."""

import asyncio
from collections.abc import AsyncIterator

import falcon
import msgspec
from falcon.asgi import Request, Response

from pensieve.api.service import Service
from pensieve.batches.store import BatchStore
from pensieve.schema.batch import (
    DeletedBatch,
    MessageBatch,
    decode_create_request,
)

RESULTS_AT_ONCE = 100
"""Lines of a results file that are in memory together."""


class Batches:
    """Makes batches and lists them."""

    is_limited = True

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_post(self, req: Request, resp: Response) -> None:
        """Make one."""
        body = await req.stream.read()
        request = await asyncio.to_thread(decode_create_request, body)
        store = self._service.batches
        batch = await asyncio.to_thread(store.create, request.requests)
        self._service.batch_runner.wake()
        _answer(resp, batch, req)

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer one page, the newest first."""
        page = await asyncio.to_thread(
            self._service.batches.page,
            req.get_param_as_int("limit", min_value=1, max_value=1000) or 20,
            req.get_param("after_id"),
            req.get_param("before_id"),
        )
        shown = [_with_results_url(batch, req) for batch in page.data]
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(msgspec.structs.replace(page, data=shown))


class Batch:
    """Shows one batch, and deletes it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response, batch_id: str) -> None:
        """Answer with its state."""
        batch = await asyncio.to_thread(self._service.batches.get, batch_id)
        _answer(resp, batch, req)

    async def on_delete(self, req: Request, resp: Response, batch_id: str) -> None:
        """Forget it and its results."""
        await asyncio.to_thread(self._service.batches.delete, batch_id)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(DeletedBatch(batch_id))


class BatchCancel:
    """Gives up what a batch has not answered yet."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_post(self, req: Request, resp: Response, batch_id: str) -> None:
        """Begin to end it."""
        batch = await asyncio.to_thread(self._service.batches.cancel, batch_id)
        self._service.batch_runner.wake()
        _answer(resp, batch, req)


class BatchResults:
    """Gives the results of a batch that has ended, as JSON lines."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response, batch_id: str) -> None:
        """Answer with a line for each request."""
        store = self._service.batches
        first = await asyncio.to_thread(store.results, batch_id, -1, RESULTS_AT_ONCE)
        resp.content_type = "application/x-jsonl"
        resp.stream = _lines(store, batch_id, first)


async def _lines(
    store: BatchStore, batch_id: str, lines: list[bytes]
) -> AsyncIterator[bytes]:
    place = -1
    while lines:
        yield b"".join(lines)
        place += len(lines)
        lines = await asyncio.to_thread(store.results, batch_id, place, RESULTS_AT_ONCE)


def _answer(resp: Response, batch: MessageBatch, req: Request) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = msgspec.json.encode(_with_results_url(batch, req))


def _with_results_url(batch: MessageBatch, req: Request) -> MessageBatch:
    """Return the batch as this client is to see it, by the address that it uses."""
    if batch.processing_status != "ended":
        return batch
    url = f"{req.prefix}/v1/messages/batches/{batch.id}/results"
    return msgspec.structs.replace(batch, results_url=url)
