"""One of a server's models: its description, its pipeline and its engine."""

import asyncio
import time
from collections.abc import Callable

from pensieve.errors import ModelError, OverloadedError
from pensieve.link.client import EngineClient
from pensieve.models.description import ModelDescription
from pensieve.pipeline import Pipeline


class HostedModel:
    """What is there of a model depends on who asks. Of one event loop.

    The description is always there. The pipeline is opened when it is first needed, and
    stays: what it remembers of conversations makes their next turns extend the token
    ids that the prefix cache has on disk. The engine, which has the weights, comes and
    goes; `HostedModels` says when.

    Args:
        engine: not started yet.
        open_pipeline: called in a thread.
        is_kept: whether the engine stays, however long unused and whatever others need.
        clock: in seconds.
    """

    def __init__(
        self,
        description: ModelDescription,
        engine: EngineClient,
        open_pipeline: Callable[[], Pipeline],
        *,
        is_kept: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.description = description
        self.engine = engine
        self.is_kept = is_kept
        self.num_requests = 0
        """Those that the engine must stay for."""
        self.used_at = clock()
        """When the last of them ended, or the engine had loaded the model."""
        self._clock = clock
        self._open_pipeline = open_pipeline
        self._pipeline: Pipeline | None = None
        self._opening = asyncio.Lock()
        self._ending: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Its own name."""
        return self.description.name

    async def pipeline(self) -> Pipeline:
        """Return what makes prompts for the model and reads its answers.

        Raises:
            OverloadedError: its files cannot be read, or not any more.
        """
        async with self._opening:
            if self._pipeline is None:
                try:
                    self._pipeline = await asyncio.to_thread(self._open_pipeline)
                except (ModelError, OSError) as error:
                    raise OverloadedError(
                        f"{self.name} cannot be served: {error}"
                    ) from error
        return self._pipeline

    # ----- The engine -----

    @property
    def has_engine(self) -> bool:
        """Whether there is an engine, or soon will be; not one that is being ended."""
        return self.engine.status != "unloaded" and self._ending is None

    @property
    def may_end(self) -> bool:
        """Whether there is an engine, and nothing speaks for it."""
        return self.has_engine and not self.is_kept and self.num_requests == 0

    @property
    def unused_s(self) -> float:
        """Seconds since a request last needed the engine."""
        return 0.0 if self.num_requests else self._clock() - self.used_at

    def look(self) -> None:
        """Have the time without requests begin no sooner than the model is loaded."""
        if self.engine.status in ("starting", "loading"):
            self.used_at = self._clock()

    async def start(self) -> None:
        """Have an engine; does not wait until it has loaded the model."""
        await self.settle()
        if self.engine.status == "unloaded":
            self.used_at = self._clock()
            await self.engine.start()

    async def end(self) -> None:
        """End the engine; its memory is back at the return.

        Goes on where the caller is cancelled meanwhile.
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self.engine.release())
            self._ending.add_done_callback(self._note_end)
        await self.settle()

    async def settle(self) -> None:
        """Wait for the end of an engine that is being ended, if one is."""
        if self._ending is not None:
            await asyncio.shield(self._ending)

    def _note_end(self, ending: "asyncio.Task[None]") -> None:
        self._ending = None

    def enter(self) -> None:
        """Count a request that needs the engine."""
        self.num_requests += 1

    def leave(self) -> None:
        """Count its end. An engine that failed is of no use, so that it goes sooner."""
        self.num_requests -= 1
        if self.engine.status != "failed":
            self.used_at = self._clock()
