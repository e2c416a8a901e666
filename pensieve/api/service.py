"""What the routes serve from: the models, the batches, and what requests add up to."""

import asyncio
import subprocess
import time
from collections.abc import Callable

from pensieve import places
from pensieve.batches.runner import BatchRunner
from pensieve.batches.store import BatchStore
from pensieve.config.schema import Settings
from pensieve.figures.totals import Totals
from pensieve.hosting.hosted_models import HostedModels
from pensieve.hosting.opening import open_models
from pensieve.link.messages import EngineSpec
from pensieve.link.process import spawn_engine


class Service:
    """All that requests need, for as long as the server runs."""

    def __init__(
        self,
        models: HostedModels,
        batches: BatchStore,
        batch_runner: BatchRunner,
        totals: Totals,
    ) -> None:
        self.models = models
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
        """Read the models' files; start the main one's engine, or take up what runs.

        Does not wait until the engine has loaded the model: requests do.

        Args:
            spawn: starts an engine's process.

        Raises:
            ModelError: there is no such model, or it cannot be served.
            OverloadedError: the main one's tokenizer or template cannot be used.
        """
        models = await open_models(settings, spawn)
        try:
            await models.start()  # it loads while the tokenizer is built
            await models.main.pipeline()
            batches = await asyncio.to_thread(_opened_batches)
        except BaseException:
            await models.close()
            raise
        totals = Totals()
        runner = BatchRunner(
            batches,
            places.batches_lock(),
            models.serving,
            settings.max_batch_size,
            totals,
        )
        runner.start()
        return cls(models, batches, runner, totals)

    async def close(self) -> None:
        """Leave the engines, which end by themselves when nobody comes back to them."""
        await self.batch_runner.close()
        await self.models.close()
        await asyncio.to_thread(self.batches.close)

    @property
    def uptime_s(self) -> float:
        """Seconds since the service was opened."""
        return time.monotonic() - self._begun_at


def _opened_batches() -> BatchStore:
    places.private_dir(places.state_dir())
    return BatchStore(places.batches_file())
