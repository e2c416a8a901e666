"""GET /health: that the server is there, and how it is."""

import os

import falcon
import msgspec
from falcon.asgi import Request, Response

from pensieve import __version__
from pensieve.api.service import Service


class Health:
    """Says how the server is. 200: it answers now; 503: it does not, or not yet."""

    is_public = True

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the state of both processes."""
        engine = self._service.engine.health()
        description = self._service.description
        is_ready = engine.status == "ready"
        resp.status = falcon.HTTP_200 if is_ready else falcon.HTTP_503
        resp.media = {
            "status": engine.status,
            "message": engine.message,
            "version": __version__,
            "pid": os.getpid(),
            "model": description.name,
            "context_length": description.context_length,
            "engine": msgspec.to_builtins(engine),
            "requests": msgspec.to_builtins(self._service.totals.summary()),
            "memory": msgspec.to_builtins(self._service.engine.memory()),
            "uptime_s": round(self._service.uptime_s, 1),
        }
