"""POST /v1/messages and /v1/messages/count_tokens."""

import asyncio

import falcon
import msgspec
from falcon.asgi import Request, Response

from pensieve import prompt_log
from pensieve.api.event_stream import EventStream, Pace
from pensieve.api.exchange import Exchange
from pensieve.api.service import Service
from pensieve.schema.bodies import decode_count_request, decode_request
from pensieve.schema.message import TokenCount


class Messages:
    """Answers a conversation, streamed or whole."""

    is_limited = True

    def __init__(self, service: Service, pace: Pace) -> None:
        self._service = service
        self._pace = pace

    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer one request."""
        exchange = Exchange.of(req.scope)
        body = await req.stream.read()
        prompt_log.tell(exchange.request_id, body)
        request = decode_request(body)
        models = self._service.models
        model = models.named(request.model)
        pipeline = await model.pipeline()
        # Before the stream, so that its refusals are HTTP errors however long it takes:
        # Claude Code compacts at the status 400 only.
        prepared = await pipeline.prepare(
            request, conversation_id(req), exchange.figures
        )
        await exchange.cleanup.enter_async_context(models.in_use(model))
        if request.stream:
            events = pipeline.stream(prepared, figures=exchange.figures)
            stream = EventStream(events, exchange, self._pace)
            exchange.cleanup.push_async_callback(stream.aclose)
            await stream.begin()
            resp.content_type = "text/event-stream"
            resp.cache_control = ["no-cache"]
            resp.stream = stream
            return
        # Nothing is sent until it is whole: Claude Code gives such a request up after
        # 300 s, whether or not white space comes meanwhile (measured with 2.1.330).
        message = await pipeline.answer(prepared, figures=exchange.figures)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(message)


class CountTokens:
    """Says how many tokens a request's prompt has: those of the real call."""

    is_limited = True

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_post(self, req: Request, resp: Response) -> None:
        """Count one request."""
        request = decode_count_request(await req.stream.read())
        pipeline = await self._service.models.named(request.model).pipeline()
        num_tokens = await asyncio.to_thread(pipeline.count_tokens, request)
        Exchange.of(req.scope).figures.counted(num_tokens)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = msgspec.json.encode(TokenCount(num_tokens))


def conversation_id(req: Request) -> str:
    """Return what names the request's conversation; empty where the client does not.

    Claude Code sends one id for a session, and another beside it in a sub-agent's
    requests.
    """
    session = req.get_header("x-claude-code-session-id") or ""
    agent = req.get_header("x-claude-code-agent-id") or ""
    return f"{session}/{agent}" if agent else session
