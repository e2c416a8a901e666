"""Models whose engines are scripts, a machine whose memory they take, and a clock."""

import asyncio
from pathlib import Path

import msgspec
from api.scripted import DESCRIPTION

from pensieve.hosting.hosted_model import HostedModel
from pensieve.hosting.hosted_models import HostedModels
from pensieve.hosting.memory_room import MemoryRoom
from pensieve.hosting.names import Names
from pensieve.link.client import EngineHealth
from pensieve.link.memory import MemoryHealth
from pensieve.machine import Machine
from pensieve.machine_memory import Reading
from pensieve.memory_states import MemoryThresholds
from pensieve.models.memory_estimate import PROCESSES_BYTES

MB = 1 << 20
LEFT_MB = 1000
"""What has to stay free beside all engines."""
PROCESSES_MB = PROCESSES_BYTES // MB


class ScriptedEngine:
    """Is ready as soon as it is started; its end waits for `may_end`."""

    def __init__(self):
        self.status = "unloaded"
        self.next_status = "ready"
        self.is_left_over = False
        """Whether one runs already, of a worker before."""
        self.num_starts = 0
        self.num_ends = 0
        self.is_closed = False
        self.arrays_mb = 0
        self.is_told_to_end = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def start(self):
        assert self.status == "unloaded"
        self.num_starts += 1
        self.status = self.next_status

    async def take_up(self):
        if self.is_left_over:
            await self.start()

    async def release(self):
        self.is_told_to_end.set()
        await self.may_end.wait()
        self.num_ends += 1
        self.status = "unloaded"

    async def close(self):
        self.is_closed = True

    def is_busy(self):
        return False

    def health(self):
        return EngineHealth(self.status, "", None, 0, 0, None, "", 0, 0, 0, 0)

    def memory(self):
        arrays = self.arrays_mb * MB
        return MemoryHealth("safe", 0, "", MemoryThresholds(), arrays, arrays, 0, "")


class Host:
    """A server's models by name; the first is the main one.

    Args:
        sizes_mb: what each model's weights take, by name.
        memory_mb: what is free while no model is loaded.
        gpu_mb: what a GPU has; None: there is none.
    """

    def __init__(
        self,
        sizes_mb,
        memory_mb=100_000,
        idle_s=0.0,
        is_kept=True,
        aliases=None,
        gpu_mb=None,
        open_pipeline=object,
    ):
        self.now = 0.0
        self.memory_mb = memory_mb
        self.sizes_mb = sizes_mb
        self.engines = {name: ScriptedEngine() for name in sizes_mb}
        hosted = [
            HostedModel(
                described(name, size),
                self.engines[name],
                open_pipeline,
                is_kept=is_kept and number == 0,
                clock=lambda: self.now,
            )
            for number, (name, size) in enumerate(sizes_mb.items())
        ]
        room = MemoryRoom(LEFT_MB * MB, self._read, lambda: machine(gpu_mb))
        names = Names(list(sizes_mb), aliases or {})
        self.models = HostedModels(hosted, names, room, idle_s)

    def _read(self):
        taken = [
            self.sizes_mb[name] + PROCESSES_MB
            for name, engine in self.engines.items()
            if engine.status == "ready"
        ]
        return Reading((self.memory_mb - sum(taken)) * MB, "machine")

    def loaded(self):
        """Return the names of models that have an engine."""
        return "".join(
            name for name, each in self.engines.items() if each.status != "unloaded"
        )

    async def use(self, *names):
        """Have requests for models come and go, one after the other."""
        for name in names:
            self.now += 1.0
            async with self.models.in_use(self.models.named(name)):
                pass


def described(name, size_mb):
    """Return a model without files: it needs what it is said to have on disk."""
    return msgspec.structs.replace(
        DESCRIPTION, name=name, path=Path(f"/nowhere/{name}"), size_bytes=size_mb * MB
    )


def machine(gpu_mb):
    return Machine(
        system="Linux",
        release="",
        os_version=(),
        architecture="x86_64",
        chip="",
        num_cores=1,
        memory_bytes=1 << 40,
        device="CPU" if gpu_mb is None else "CUDA",
        gpu_bytes=None if gpu_mb is None else gpu_mb * MB,
        wired_limit_mb=None,
        bandwidth=None,
    )
