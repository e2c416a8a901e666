"""The models of a server: which a request means, and which have an engine now.

An engine is started when a request needs it, stays for as long as one does, and is
ended when none has for a time, or before that where another model needs its memory.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence

from pensieve.errors import OverloadedError
from pensieve.hosting.hosted_model import HostedModel
from pensieve.hosting.memory_room import MemoryRoom
from pensieve.hosting.names import Names
from pensieve.pipeline import Pipeline

log = logging.getLogger("pensieve.hosting")

LOOK_S = 1.0
"""Between two looks for engines that nobody uses."""
FAILED_S = 60.0
"""After which a model that could not be loaded may be tried again."""


class HostedModels:
    """All of them. Of one event loop.

    Args:
        models: the main one first.
        names: of these models.
        idle_s: seconds without a request after which an engine is ended; 0: none is.
    """

    def __init__(
        self,
        models: Sequence[HostedModel],
        names: Names,
        room: MemoryRoom,
        idle_s: float = 0.0,
    ) -> None:
        self.names = names
        self._models = {model.name: model for model in models}
        self._main = models[0]
        self._room = room
        self._idle_s = idle_s
        self._changing = asyncio.Lock()
        """Held by who starts engines or ends them."""
        self._watch: asyncio.Task[None] | None = None

    @property
    def main(self) -> HostedModel:
        """The one that serves where a request says no other."""
        return self._main

    def __iter__(self) -> Iterator[HostedModel]:
        return iter(self._models.values())

    def named(self, name: str) -> HostedModel:
        """Return the model that a request means.

        Raises:
            NotFoundError: there is none of this name.
        """
        return self._models[self.names.meant(name)]

    async def start(self) -> None:
        """Start the main model's engine; take up those of others that run already."""
        await self._main.start()
        others = [model for model in self if model is not self._main]
        await asyncio.gather(*(model.engine.take_up() for model in others))
        if not all(model.is_kept for model in self):
            self._watch = asyncio.create_task(self._watch_over())

    async def close(self) -> None:
        """Leave the engines, which end by themselves when nobody comes back to them."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        for model in self:
            await model.settle()
            await model.engine.close()

    def is_busy(self) -> bool:
        """Whether any model has something to do."""
        return any(model.engine.is_busy() for model in self)

    # ----- Requests -----

    @contextlib.asynccontextmanager
    async def in_use(self, model: HostedModel) -> AsyncIterator[None]:
        """Have the model's engine stay until the exit; start it where there is none.

        Does not wait until it has loaded the model.

        Raises:
            OverloadedError: memory is too short for it, beside those that are in use.
        """
        if model.has_engine:
            model.enter()
        else:
            async with self._changing:
                await model.settle()
                if not model.has_engine:
                    await self._make_room(model)
                    log.info("%s: its engine is started", model.name)
                    await model.start()
                model.enter()  # before anybody else may end it
        try:
            yield
        finally:
            model.leave()

    @contextlib.asynccontextmanager
    async def serving(self, name: str) -> AsyncIterator[Pipeline]:
        """Return the pipeline of the model that `name` means, its engine in use.

        Raises:
            NotFoundError, OverloadedError: as `named`, and `in_use`.
        """
        model = self.named(name)
        pipeline = await model.pipeline()
        async with self.in_use(model):
            yield pipeline

    async def _make_room(self, wanted: HostedModel) -> None:
        """End engines that nobody uses, as far as it takes, the longest unused first.

        Raises:
            OverloadedError: that would not do.
        """
        for model in self:
            await model.settle()
        running = [model for model in self if model.has_engine]
        described = [model.description for model in [wanted, *running]]
        await asyncio.to_thread(self._room.learn, described)
        unused = [model for model in self if model.may_end]
        unused.sort(key=lambda each: each.used_at)
        would_do = self._shortage(wanted, unused) is None
        while (shortage := self._shortage(wanted)) is not None and would_do and unused:
            model = unused.pop(0)
            if model.may_end:  # still: no lock is taken to use it
                log.info("%s: its engine is ended, for %s", model.name, wanted.name)
                await model.end()
        if shortage is not None:
            raise OverloadedError(f"{shortage}{self._what_stays()}")

    def _shortage(
        self, wanted: HostedModel, ended: Sequence[HostedModel] = ()
    ) -> str | None:
        running = [model for model in self if model.has_engine]
        return self._room.shortage(wanted, running, ended)

    def _what_stays(self) -> str:
        """Return which models cannot be ended, for the message."""
        stay = [model for model in self if model.has_engine and not model.may_end]
        told = [
            f"{model.name} ({'model.keep' if model.is_kept else 'in use'})"
            for model in stay
        ]
        return f"; loaded beside it: {', '.join(told)}" if told else ""

    # ----- Engines that nobody uses -----

    async def end_unused(self) -> None:
        """End the engines that no request has needed for long enough."""
        for model in self:
            model.look()
            async with self._changing:
                if model.may_end and self._is_overdue(model):
                    log.info(
                        "%s: its engine is ended, unused for %.0f s",
                        model.name,
                        model.unused_s,
                    )
                    await model.end()

    def _is_overdue(self, model: HostedModel) -> bool:
        if model.engine.status == "failed":
            return model.unused_s >= FAILED_S
        return 0 < self._idle_s <= model.unused_s

    async def _watch_over(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.end_unused()
            except Exception:
                log.exception("the look for unused engines failed")
