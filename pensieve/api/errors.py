"""Failures of a request → the API's error answers. The one place that catches all."""

import logging
from typing import Any

import falcon
from falcon.asgi import App, Request, Response

from pensieve import prompt_log
from pensieve.api.error_body import error_body, error_type
from pensieve.api.exchange import Exchange
from pensieve.errors import ApiError

_log = logging.getLogger(__name__)


def answer_errors(app: App[Request, Response]) -> None:
    """Make `app` answer every failure with the API's error body."""
    app.add_error_handler(ApiError, _answer_api_error)
    app.add_error_handler(falcon.HTTPError, _answer_http_error)
    app.add_error_handler(Exception, _answer_unexpected)


async def _answer_api_error(
    req: Request, resp: Response, error: ApiError, params: Any
) -> None:
    exchange = Exchange.of(req.scope)
    resp.status = error.status
    resp.set_headers(error.headers)
    resp.content_type = falcon.MEDIA_JSON
    resp.data = error_body(error.type, str(error), exchange.request_id)
    exchange.ending = error.type


async def _answer_http_error(
    req: Request, resp: Response, error: falcon.HTTPError, params: Any
) -> None:
    """Answer what Falcon itself refuses: no such route, no such method, a bad value."""
    exchange = Exchange.of(req.scope)
    resp.status = error.status_code
    resp.set_headers(error.headers or {})
    resp.content_type = falcon.MEDIA_JSON
    kind = error_type(error.status_code)
    why = error.description or f"{req.method} {req.path}: {error.title}"
    resp.data = error_body(kind, why, exchange.request_id)
    exchange.ending = kind


async def _answer_unexpected(
    req: Request, resp: Response, error: Exception, params: Any
) -> None:
    exchange = Exchange.of(req.scope)
    whose = exchange.request_id
    _log.error("%s failed %s", whose, prompt_log.failure(whose, error))
    failure = ApiError("internal error; the server's log has it")
    await _answer_api_error(req, resp, failure, params)
