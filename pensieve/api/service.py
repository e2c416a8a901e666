"""What the routes serve from: one model's description, its pipeline and its engine."""

import asyncio
import functools
import hashlib
import subprocess
import time
from collections.abc import Callable

from pensieve import __version__, places
from pensieve.batches.runner import BatchRunner
from pensieve.batches.store import BatchStore
from pensieve.config.schema import Settings
from pensieve.errors import NotFoundError
from pensieve.figures.totals import Totals
from pensieve.link.client import EngineClient
from pensieve.link.messages import EngineSpec, PrefixDisk
from pensieve.link.process import spawn_engine
from pensieve.link.pulse import Patience
from pensieve.models.description import ModelDescription
from pensieve.models.files import describe
from pensieve.models.store import resolve
from pensieve.pipeline import Pipeline

ALIAS_PREFIX = "claude-"
"""Claude Code names such models for its helpers, whatever the user has chosen."""


class Service:
    """The loaded model and the way to it, for as long as the server runs."""

    def __init__(
        self,
        description: ModelDescription,
        pipeline: Pipeline,
        engine: EngineClient,
        batches: BatchStore,
        batch_runner: BatchRunner,
        totals: Totals,
    ) -> None:
        self.description = description
        self.pipeline = pipeline
        self.engine = engine
        self.batches = batches
        self.batch_runner = batch_runner
        self.totals = totals
        """What the requests of both add up to."""
        self._begun_at = time.monotonic()

    @classmethod
    async def open(
        cls,
        settings: Settings,
        spawn: Callable[[EngineSpec], subprocess.Popen[bytes]] = spawn_engine,
    ) -> "Service":
        """Read the model's files; start its engine, or take up the one that runs.

        Does not wait until the engine has loaded the model: requests do.

        Args:
            spawn: starts the engine's process.

        Raises:
            ModelError: there is no such model, or it cannot be served.
        """
        description = await asyncio.to_thread(_described, settings.model)
        spec = EngineSpec(
            model_path=str(description.path),
            socket_path=str(places.socket_path(f"engine-{settings.port}")),
            version=__version__,
            max_batch_size=settings.max_batch_size,
            prefill_chunk=settings.prefill_chunk,
            prefill_target_ms=settings.prefill_target_ms,
            prefix_cache_bytes=settings.prefix_cache_bytes,
            prefix_disk=_prefix_disk(settings, description),
            memory=settings.memory,
        )
        patience = Patience(settings.engine_silence_s, settings.engine_step_timeout_s)
        engine = EngineClient(spec, settings.queue_size, spawn, patience)
        await engine.start()  # it loads while the tokenizer is built
        try:
            pipeline = await asyncio.to_thread(
                Pipeline.open, description, engine, settings.tool_format
            )
            batches = await asyncio.to_thread(_opened_batches)
        except BaseException:
            await engine.close()
            raise
        totals = Totals()
        runner = BatchRunner(
            batches,
            places.batches_lock(),
            pipeline,
            settings.max_batch_size,
            functools.partial(_check_serves, description),
            totals,
        )
        runner.start()
        return cls(description, pipeline, engine, batches, runner, totals)

    async def close(self) -> None:
        """Leave the engine, which ends by itself when nobody comes back to it."""
        await self.batch_runner.close()
        await self.engine.close()
        await asyncio.to_thread(self.batches.close)

    @property
    def uptime_s(self) -> float:
        """Seconds since the service was opened."""
        return time.monotonic() - self._begun_at

    def check_serves(self, model: str) -> None:
        """Let a request pass that names this model, or one of Anthropic's.

        Raises:
            NotFoundError: it names another model.
        """
        _check_serves(self.description, model)


def _check_serves(description: ModelDescription, model: str) -> None:
    if model != description.name and not model.startswith(ALIAS_PREFIX):
        raise NotFoundError(
            f"model: expected {description.name} or any {ALIAS_PREFIX}… name,"
            f" got {model}"
        )


def _prefix_disk(
    settings: Settings, description: ModelDescription
) -> PrefixDisk | None:
    if settings.prefix_disk_bytes == 0:
        return None
    template = (description.chat_template or "").encode()
    return PrefixDisk(
        str(places.prefix_cache_dir()),
        hashlib.sha256(template).hexdigest(),
        settings.prefix_disk_bytes,
        settings.prefix_disk_bits,
    )


def _described(model: str) -> ModelDescription:
    return describe(resolve(model), model)


def _opened_batches() -> BatchStore:
    places.private_dir(places.state_dir())
    return BatchStore(places.batches_file())
