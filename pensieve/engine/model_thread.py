"""The one thread that touches MLX: it loads the model, then steps the scheduler.

MLX computes a lazy array only in the thread that made it, so nothing of MLX leaves this
one: requests come in, numbers and strings go out. It has no end of its own: the process
ends it, and its failure ends the process.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Literal

from pensieve.engine.busy import Busy
from pensieve.errors import ModelError
from pensieve.link.messages import (
    CacheReport,
    Cancel,
    EngineSpec,
    Event,
    MemoryReport,
    Submit,
)

if TYPE_CHECKING:
    from pensieve.engine.constraints.builder import Built
    from pensieve.engine.memory_guard import MemoryGuard
    from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
    from pensieve.engine.prefix_cache.restorer import RestoredSequence
    from pensieve.engine.scheduling.scheduler import Scheduler

log = logging.getLogger(__name__)

Status = Literal["loading", "ready", "failed"]
EventsByConnection = dict[int, list[Event]]
Command = tuple[int, "Submit | Cancel | Callable[[Scheduler], object] | None"]
"""A connection, and what it asks for or is to be done for it; None: it is gone."""

STUCK_LOOK_S = 0.01
"""Between two looks while nothing can be computed, though something is wanted."""


class ModelThread(threading.Thread):
    """Runs the model; a daemon, because a step can be neither stopped nor waited for.

    Args:
        on_state: called in this thread with the model's state and a word on it; once
            it is ready, with what draws the tokens, too.
        on_events: called in this thread after a step with what came of it.
        on_memory: called in this thread with reports; after one that ends the engine
            nothing more is done.
        on_crash: called in this thread, last.
    """

    def __init__(
        self,
        spec: EngineSpec,
        on_state: Callable[..., object],
        on_events: Callable[[EventsByConnection], object],
        on_memory: Callable[[MemoryReport], object],
        on_crash: Callable[[], object],
    ) -> None:
        super().__init__(name="model", daemon=True)
        self.commands: SimpleQueue[Command] = SimpleQueue()
        self._spec = spec
        self._on_state = on_state
        self._on_events = on_events
        self._on_memory = on_memory
        self._on_crash = on_crash
        self._step = Busy()
        self._busy = [self._step]
        self._prefixes: PrefixCache | None = None

    @property
    def busy_s(self) -> float:
        """How long the step, or the grammar, of now has been computed. Any thread."""
        return max(busy.seconds for busy in self._busy)

    def cache_report(self) -> CacheReport | None:
        """Return how full the prefix cache is; None: there is none yet. Any thread."""
        prefixes = self._prefixes
        if prefixes is None:
            return None
        disk = prefixes.disk
        return CacheReport(
            prefixes.nbytes,
            prefixes.budget_bytes,
            disk.nbytes if disk else 0,
            disk.budget_bytes if disk else 0,
            prefixes.num_runs,
            disk.num_files if disk else 0,
        )

    def flush(self, timeout_s: float) -> None:
        """Wait until what was saved of the prefix cache is on disk. Any thread."""
        if self._prefixes is not None and self._prefixes.disk is not None:
            self._prefixes.disk.flush(timeout_s)

    def run(self) -> None:
        """Load, then serve for ever; or say why not."""
        try:
            scheduler = self._open()
            if scheduler is not None:
                self._serve(scheduler)
        except BaseException:
            log.exception("the model thread broke")
            self._on_crash()

    def _open(self) -> "Scheduler | None":
        """Return a scheduler that is ready, or None if the model cannot be had."""
        try:
            return self._load()
        except ModelError as error:
            self._on_state("failed", str(error))
        except Exception as error:
            log.exception("%s cannot be loaded", self._spec.model_path)
            what = f"{type(error).__name__}: {error}"
            self._on_state("failed", f"{self._spec.model_path}: {what}")
        return None

    def _load(self) -> "Scheduler":
        # Imported here: it takes seconds, in which the other thread answers. MLX binds
        # its BLAS when it is imported, so OpenBLAS has to be there before.
        self._on_state("loading", "starting MLX")
        from pensieve.engine.blas import preload

        notes = [preload()]
        from pensieve.engine.constraints.builder import ConstraintBuilder
        from pensieve.engine.prefix_cache.restorer import Restorer
        from pensieve.engine.sampling.best_sampler import best_sampler
        from pensieve.engine.warm_up import logits_form, warm_up
        from pensieve.engine.weights.load import load

        builder = ConstraintBuilder(Path(self._spec.model_path), self._take_built)
        self._busy.append(builder.busy)
        builder.start()
        restorer = Restorer(self._take_restored)
        self._busy.append(restorer.busy)
        restorer.start()
        self._on_state("loading", "loading the weights")
        loaded = load(Path(self._spec.model_path))
        self._on_state("loading", "warming up")
        chosen = best_sampler(*logits_form(loaded.model))
        scheduler = warm_up(
            loaded.model, self._spec, builder.build, restorer.restore, chosen.sampler
        )
        self._prefixes = scheduler.prefixes
        self._on_state("ready", "; ".join(notes + loaded.notes), str(chosen))
        return scheduler

    def _take_built(self, built: "Built") -> None:
        self.commands.put(
            (built.connection_id, lambda scheduler: scheduler.take_built(built))
        )

    def _take_restored(self, restored: "RestoredSequence") -> None:
        self.commands.put(
            (
                restored.connection_id,
                lambda scheduler: scheduler.take_restored(restored),
            )
        )

    def _serve(self, scheduler: "Scheduler") -> None:
        from pensieve.engine.memory_guard import MemoryGuard

        guard = MemoryGuard(self._spec.memory, scheduler, self._on_memory)
        while not guard.must_end:
            self._obey(scheduler, guard)
            scheduler.decode()
            self._report(scheduler)
            self._obey(scheduler, guard)
            scheduler.prefill()
            self._report(scheduler)

    def _report(self, scheduler: "Scheduler") -> None:
        if events := scheduler.take_events():
            self._on_events(events)

    def _obey(self, scheduler: "Scheduler", guard: "MemoryGuard") -> None:
        """Do what was asked for; wait for something if there is nothing to do.

        Who was let in is told at once: a step can take seconds, or end the engine, and
        then the client knows whose it was.
        """
        guard.look()
        while not (scheduler.has_work or guard.must_end):
            self._step.end()
            self._report(scheduler)
            with contextlib.suppress(Empty):
                self._do(self.commands.get(timeout=guard.idle_look_s), scheduler)
            guard.look()
        self._step.begin()
        # What is there now: a client that never stops asking must not stop the others.
        for _ in range(self.commands.qsize()):
            self._do(self.commands.get_nowait(), scheduler)
        scheduler.admit()
        self._report(scheduler)
        if scheduler.is_stuck:
            with contextlib.suppress(Empty):
                self._do(self.commands.get(timeout=STUCK_LOOK_S), scheduler)

    def _do(self, command: Command, scheduler: "Scheduler") -> None:
        connection_id, request = command
        match request:
            case Submit():
                scheduler.submit(connection_id, request)
            case Cancel():
                scheduler.cancel(connection_id, request.sequence_id)
            case None:
                scheduler.disconnect(connection_id)
            case _:
                request(scheduler)
