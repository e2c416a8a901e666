"""A loaded model in, a scheduler that has already generated with it out.

The first steps compile: kernels on a GPU, fused loops on a CPU. And a model whose
caches mlx-lm cannot batch shows it here, before anybody waits for it.
"""

import logging

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.kernels import best_noise
from pensieve.engine.memory_need import MemoryNeed, measured_need
from pensieve.engine.memory_room import MemoryRoom
from pensieve.engine.prefix_cache.budget import default_budget_bytes
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.engine.scheduler import BuildConstraint, Scheduler
from pensieve.errors import ModelError
from pensieve.link.messages import EngineSpec, SamplingParams, Submit

log = logging.getLogger(__name__)

CPU_PREFILL_CHUNK = 256
"""SmolLM2 on two cores: 1.7 s a chunk; smaller ones cost speed, 64 some 15 %."""
GPU_PREFILL_CHUNK = 2048
"""mlx-lm's own."""

_PROBES = (
    SamplingParams(seed=0, temperature=0),
    SamplingParams(seed=0, top_k=2, top_p=0.9),
    SamplingParams(seed=0, top_p=0.9),
)


def warm_up(
    model: nn.Module, spec: EngineSpec, build_constraint: BuildConstraint
) -> Scheduler:
    """Return a scheduler for the model, after one short run of it."""
    size = vocab_size(model)
    prefixes = prefix_cache(model, spec.prefix_cache_bytes)
    prefill_chunk = spec.prefill_chunk or default_prefill_chunk()
    scheduler = Scheduler(
        model,
        size,
        best_noise(size),
        build_constraint,
        max_batch_size=spec.max_batch_size,
        prefill_chunk=prefill_chunk,
        prefixes=prefixes,
    )
    for sequence_id, sampling in enumerate(_PROBES):
        scheduler.submit(0, Submit(sequence_id, [0] * 4, 2, [], sampling, 4))
    while scheduler.has_work:
        scheduler.prefill()
        scheduler.decode()
    scheduler.take_events()
    prefixes.clear()
    need = memory_need(model, prefill_chunk)
    mx.clear_cache()
    reserve_bytes = spec.memory.emergency_bytes
    scheduler.room = MemoryRoom(prefixes, need, reserve_bytes)
    return scheduler


def memory_need(model: nn.Module, prefill_chunk: int) -> MemoryNeed | None:
    """Return what the model's sequences need; None where that cannot be measured."""
    try:
        need = measured_need(model, prefill_chunk)
    except ModelError as error:
        log.warning("%s", error)
        return None
    log.info(
        "a prompt of 1,000 tokens needs %d MB, one of 100,000 %d MB",
        need.of(1_000, 0) >> 20,
        need.of(100_000, 0) >> 20,
    )
    return need


def prefix_cache(model: nn.Module, budget_bytes: int) -> PrefixCache:
    """Return an empty prefix cache; for caches of a foreign kind, one that is off.

    Args:
        budget_bytes: 0: keep nothing; -1: a share of the memory that is free.
    """
    try:
        layout = Layout(make_prompt_cache(model))
    except ModelError as error:
        log.warning("%s", error)
        return PrefixCache.off()
    budget_bytes = default_budget_bytes() if budget_bytes < 0 else budget_bytes
    log.info("prefix cache: up to %d MB", budget_bytes >> 20)
    return PrefixCache(layout, budget_bytes)


def vocab_size(model: nn.Module) -> int:
    """Return the width of the model's logits."""
    logits = model(mx.zeros((1, 1), mx.uint32), cache=make_prompt_cache(model))
    return int(logits.shape[-1])


def default_prefill_chunk() -> int:
    """Return the prompt tokens of a step on this machine's default device."""
    on_gpu = mx.default_device().type == mx.gpu
    return GPU_PREFILL_CHUNK if on_gpu else CPU_PREFILL_CHUNK
