"""Whether a machine has the memory for one engine more.

What a model takes is estimated by its files (`models/memory_estimate.py`). What is free
is read, less what engines that are loading have yet to take. On a GPU nobody outside
its processes can read that: there it is what the GPU has, less what the engines say.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import psutil

from pensieve.errors import ModelError
from pensieve.hosting.hosted_model import HostedModel
from pensieve.machine import Machine, read_machine
from pensieve.machine_memory import Reading, read_memory
from pensieve.models.description import ModelDescription
from pensieve.models.memory_estimate import PROCESSES_BYTES, estimate
from pensieve.models.sizes import size_text


class MemoryRoom:
    """Knows what models need.

    Args:
        left_bytes: what has to stay free beside all engines.
        read: what the system can still give; does not raise.
        machine: called once.
    """

    def __init__(
        self,
        left_bytes: int,
        read: Callable[[], Reading] = read_memory,
        machine: Callable[[], Machine] = read_machine,
    ) -> None:
        self._left_bytes = left_bytes
        self._read = read
        self._read_machine = machine
        self._machine: Machine | None = None
        self._needs: dict[Path, int] = {}

    def learn(self, models: Iterable[ModelDescription]) -> None:
        """Read what the models need. Reads files: not for the event loop."""
        machine = self._machine = self._machine or self._read_machine()
        for model in models:
            if model.path not in self._needs:
                weights_bytes = _weights_bytes(model, machine.gpu_bytes is not None)
                self._needs[model.path] = weights_bytes + PROCESSES_BYTES

    def shortage(
        self,
        wanted: HostedModel,
        running: Collection[HostedModel],
        ended: Collection[HostedModel] = (),
    ) -> str | None:
        """Return why a model's engine does not fit, in numbers; None: it does.

        Args:
            wanted: has no engine.
            running: all that have one. `learn` knows them and `wanted`.
            ended: of them, those that would be ended for it.
        """
        need = self._needs[wanted.description.path]
        reading = self._free(running)
        free = reading.free_bytes + sum(self._held(each) for each in ended)
        if need + self._left_bytes <= free:
            return None
        return (
            f"{wanted.name}: expected {size_text(need)} of free memory for the model"
            f" and {size_text(self._left_bytes)} beside it, got"
            f" {size_text(max(0, free))} ({reading.bound})"
        )

    def _free(self, running: Iterable[HostedModel]) -> Reading:
        machine = self._machine
        assert machine is not None, "learn() comes first"
        reading = self._read()
        promised = sum(self._still_to_load(each) for each in running)
        free = Reading(reading.free_bytes - promised, reading.bound)
        if machine.gpu_bytes is None:
            return free
        held = sum(self._held(each) for each in running)
        on_gpu = Reading(machine.gpu_bytes - held, machine.device)
        # A Mac's GPU has its memory from the machine's.
        return min(free, on_gpu) if machine.device == "Metal" else on_gpu

    def _held(self, model: HostedModel) -> int:
        """Return what an engine has, at the least."""
        memory = model.engine.memory()
        in_arrays = memory.mlx_active_bytes + memory.mlx_cache_bytes
        return max(self._needs[model.description.path], in_arrays)

    def _still_to_load(self, model: HostedModel) -> int:
        health = model.engine.health()
        if health.status in ("ready", "failed"):
            return 0
        resident = 0
        if health.pid is not None:
            with contextlib.suppress(psutil.Error):
                resident = psutil.Process(health.pid).memory_info().rss
        return max(0, self._needs[model.description.path] - resident)


def _weights_bytes(model: ModelDescription, on_gpu: bool) -> int:
    """Return what a model's weights take in memory, or its files on disk."""
    try:
        return estimate(model.path, on_gpu).weights_bytes
    except (ModelError, OSError):
        return model.size_bytes
