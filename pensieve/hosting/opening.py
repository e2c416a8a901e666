"""Settings in, the models that they name out: files read, nothing started."""

import asyncio
import functools
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from pensieve import __version__, places
from pensieve.config.schema import Settings
from pensieve.errors import ModelError
from pensieve.hosting.hosted_model import HostedModel
from pensieve.hosting.hosted_models import HostedModels
from pensieve.hosting.memory_room import MemoryRoom
from pensieve.hosting.names import Names
from pensieve.link.client import EngineClient
from pensieve.link.messages import EngineSpec, PrefixDisk
from pensieve.link.pulse import Patience
from pensieve.models.description import ModelDescription
from pensieve.models.files import describe
from pensieve.models.fit import check_fits
from pensieve.models.store import resolve
from pensieve.pipeline import Pipeline


async def open_models(
    settings: Settings, spawn: Callable[[EngineSpec], subprocess.Popen[bytes]]
) -> HostedModels:
    """Read what the models' files say of them.

    Args:
        spawn: starts an engine's process.

    Raises:
        ModelError: there is no such model, it cannot be served, this machine has less
            memory than its weights take, or two have one name.
    """
    described = await asyncio.to_thread(_described, settings.models)
    models = [
        _hosted(settings, number, model, spawn)
        for number, model in enumerate(described.values())
    ]
    names = Names(
        [model.name for model in models],
        {name: described[model].name for name, model in settings.aliases.items()},
    )
    room = MemoryRoom(settings.memory.critical_bytes)
    return HostedModels(models, names, room, settings.model_idle_s)


def _described(models: list[str]) -> dict[str, ModelDescription]:
    """Return the models' descriptions, by what settings call them."""
    described: dict[str, ModelDescription] = {}
    paths: dict[str, Path] = {}
    for model in models:
        found = resolve(model)
        check_fits(found, model)
        description = describe(found, model)
        name, path = description.name, description.path
        if name in paths:
            raise ModelError(
                f"{model}: expected a name of its own for each model, got {name} for"
                f" {paths[name]} and for {path}"
            )
        paths[name] = path
        described[model] = description
    return described


def _hosted(
    settings: Settings,
    number: int,
    description: ModelDescription,
    spawn: Callable[[EngineSpec], subprocess.Popen[bytes]],
) -> HostedModel:
    """Return a model; the one with the number 0 is the main one."""
    is_main = number == 0
    spec = EngineSpec(
        model_path=str(description.path),
        socket_path=str(places.engine_socket(settings.port, number)),
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
    tool_format = settings.tool_format if is_main else "auto"
    return HostedModel(
        description,
        engine,
        functools.partial(Pipeline.open, description, engine, tool_format),
        is_kept=is_main and settings.keep_model,
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
