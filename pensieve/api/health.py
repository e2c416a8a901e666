"""GET /health: that the server is there, and how it is."""

import os
from typing import Any

import falcon
import msgspec
from falcon.asgi import Request, Response

from pensieve import __version__
from pensieve.api.service import Service
from pensieve.hosting.hosted_model import HostedModel


class Health:
    """Says how the server is, by its main model.

    200: it answers now, or as soon as the model is loaded for the next request; 503: it
    does not, or not yet.
    """

    is_public = True

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the state of all processes."""
        models = self._service.models
        main = models.main
        engine = main.engine.health()
        answers = engine.status in ("ready", "unloaded")
        resp.status = falcon.HTTP_200 if answers else falcon.HTTP_503
        resp.media = {
            "status": engine.status,
            "message": engine.message,
            "version": __version__,
            "pid": os.getpid(),
            "model": main.name,
            "context_length": main.description.context_length,
            "engine": msgspec.to_builtins(engine),
            "requests": msgspec.to_builtins(self._service.totals.summary()),
            "memory": msgspec.to_builtins(main.engine.memory()),
            "models": [_of_model(model) for model in models],
            "aliases": models.names.aliases,
            "uptime_s": round(self._service.uptime_s, 1),
        }


def _of_model(model: HostedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "context_length": model.description.context_length,
        "unused_s": round(model.unused_s, 1),
        "engine": msgspec.to_builtins(model.engine.health()),
    }
