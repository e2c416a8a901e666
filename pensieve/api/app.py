"""The ASGI application: settings in; lifespan and HTTP out."""

import logging
from collections.abc import Awaitable, Callable

from falcon.asgi import App as FalconApp
from falcon.asgi import Request, Response

from pensieve.api.auth import KeyCheck
from pensieve.api.batches import Batch, BatchCancel, Batches, BatchResults
from pensieve.api.body_limits import BodyLimits
from pensieve.api.errors import answer_errors
from pensieve.api.event_stream import Pace
from pensieve.api.exchange import AsgiApp, Exchange, Receive, Scope, Send
from pensieve.api.figures import Figures
from pensieve.api.health import Health
from pensieve.api.keep_awake import keep_awake
from pensieve.api.messages import CountTokens, Messages
from pensieve.api.metrics import Metrics
from pensieve.api.models import Model, Models
from pensieve.api.page import PageFiles, Root
from pensieve.api.rate_limits import RateLimits
from pensieve.api.service import Service
from pensieve.api.web_pages import PageCheck
from pensieve.config.schema import Settings
from pensieve.errors import PensieveError
from pensieve.figures import report

REQUESTS_PER_MINUTE = 600
TOKENS_PER_MINUTE = 2_000_000
"""Of one key, beyond loopback, where the settings leave it open."""

_log = logging.getLogger(__name__)


def create_app(settings: Settings) -> "App":
    """Return the application. It opens its models when the server starts it."""
    return App(settings, lambda: Service.open(settings), Pace())


def routes(service: Service, settings: Settings, pace: Pace) -> AsgiApp:
    """Return the framework's side: every route, the checks, the error answers."""
    limits = RateLimits(
        _limit(settings.requests_per_minute, settings, REQUESTS_PER_MINUTE),
        _limit(settings.tokens_per_minute, settings, TOKENS_PER_MINUTE),
    )
    app: FalconApp[Request, Response] = FalconApp(middleware=[PageCheck(settings)])
    app.add_middleware(KeyCheck(settings.keys, limits))
    app.add_route("/", Root())
    app.add_route("/page/{name}", PageFiles())
    app.add_route("/health", Health(service))
    if settings.metrics:
        is_public = settings.api_key is None  # then nobody but this machine can ask
        app.add_route("/metrics", Metrics(service, is_public))
    app.add_route(report.PATH, Figures(service))
    app.add_route("/v1/messages", Messages(service, pace))
    app.add_route("/v1/messages/count_tokens", CountTokens(service))
    app.add_route("/v1/messages/batches", Batches(service))
    app.add_route("/v1/messages/batches/{batch_id}", Batch(service))
    app.add_route("/v1/messages/batches/{batch_id}/cancel", BatchCancel(service))
    app.add_route("/v1/messages/batches/{batch_id}/results", BatchResults(service))
    app.add_route("/v1/models", Models(service))
    app.add_route("/v1/models/{model_id:path}", Model(service))
    answer_errors(app)
    return app


def _limit(setting: int, settings: Settings, beyond_loopback: int) -> int:
    """Return the limit that a setting stands for."""
    if setting >= 0:
        return setting
    return 0 if settings.is_loopback else beyond_loopback


class App:
    """Opens a service at startup, closes it at shutdown, and serves HTTP between."""

    def __init__(
        self,
        settings: Settings,
        open_service: Callable[[], Awaitable[Service]],
        pace: Pace,
    ) -> None:
        self._settings = settings
        self._open_service = open_service
        self._pace = pace
        self._body_limits = BodyLimits(settings.max_body_bytes, settings.body_timeout_s)
        self._service: Service | None = None
        self._routes: AsgiApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope, as ASGI 3 has it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            assert self._routes is not None, "requests come after startup"
            assert self._service is not None
            totals = self._service.totals
            exchange = Exchange(scope, receive, send, self._body_limits, totals)
            await exchange.run(self._routes)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            service = await self._open_service()
        except (PensieveError, OSError) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        except Exception:
            _log.exception("startup failed")  # gunicorn would say only what, not where
            raise
        try:
            self._service = service
            self._routes = routes(service, self._settings, self._pace)
            await send({"type": "lifespan.startup.complete"})
            is_busy = service.models.is_busy
            async with keep_awake(is_busy, self._settings.keep_awake):
                await receive()
        finally:
            await service.close()
        await send({"type": "lifespan.shutdown.complete"})
