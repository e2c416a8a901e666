"""GET /v1/pensieve/figures: what runs now and what has run, for pages and programs."""

import time

import falcon
import msgspec
from falcon.asgi import Request, Response

from pensieve import __version__
from pensieve.api.service import Service
from pensieve.figures.report import CacheTier, Report, ServedModel, Server
from pensieve.link.client import EngineHealth
from pensieve.models.description import ModelDescription


class Figures:
    """Answers with a Report of now. Costs nothing while nobody asks."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer in JSON."""
        service = self._service
        history = service.totals.history
        report = Report(
            at=round(time.time(), 3),
            server=Server(__version__, round(service.uptime_s, 1)),
            models=[
                _served(model.description, model.engine.health())
                for model in service.models
            ],
            memory=service.models.main.engine.memory(),
            totals=service.totals.summary(),
            running=history.running(),
            ended=[*reversed(history.ended)],
            first_tokens=[*history.first_tokens],
            gaps=[*history.gaps],
        )
        resp.content_type = falcon.MEDIA_JSON
        resp.cache_control = ["no-store"]
        resp.data = msgspec.json.encode(report)


def _served(description: ModelDescription, engine: EngineHealth) -> ServedModel:
    return ServedModel(
        name=description.name,
        context_length=description.context_length,
        status=engine.status,
        message=engine.message,
        restarts=engine.restarts,
        engine_memory_bytes=engine.memory_bytes,
        running=engine.active,
        waiting=engine.queued,
        cache=_tiers(engine.cache) if engine.cache else [],
    )


def _tiers(cache: dict[str, int]) -> list[CacheTier]:
    memory = cache["memory_bytes"], cache["memory_budget_bytes"], cache["memory_runs"]
    disk = cache["disk_bytes"], cache["disk_budget_bytes"], cache["disk_files"]
    return [CacheTier("memory", *memory), CacheTier("disk", *disk)]
