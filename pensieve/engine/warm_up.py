"""A loaded model in, a scheduler that has already generated with it out.

The first steps compile: kernels on a GPU, fused loops on a CPU. And a model whose
caches mlx-lm cannot batch shows it here, before anybody waits for it.
"""

import logging
import time
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.memory.need import MemoryNeed, measured_need
from pensieve.engine.memory.room import MemoryRoom
from pensieve.engine.prefix_cache.budget import default_budget_bytes
from pensieve.engine.prefix_cache.disk.opening import open_tier
from pensieve.engine.prefix_cache.disk.tier import DiskTier
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout, arrays_in
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sampler import Sampler
from pensieve.engine.scheduling.chunk_ladder import Clock, measured_ladder
from pensieve.engine.scheduling.intake import BuildConstraint, Restore
from pensieve.engine.scheduling.prefill_pace import FixedPace, MeasuredPace, PrefillPace
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.errors import ModelError
from pensieve.link.messages import EngineSpec, SamplingParams, Submit

log = logging.getLogger(__name__)

MAX_QUEUE_BYTES = 4 << 30
"""Of what waits to be written; nearly all of it is in the cache's memory, too."""

_PROBES = (
    SamplingParams(seed=0, temperature=0),
    SamplingParams(seed=0, top_k=2, top_p=0.9),
    SamplingParams(seed=0, top_p=0.9),
)


def warm_up(
    model: nn.Module,
    spec: EngineSpec,
    build_constraint: BuildConstraint,
    restore: Restore | None = None,
    sampler: Sampler = draw_by_operations,
) -> Scheduler:
    """Return a scheduler for the model, after one short run of it.

    Args:
        restore: reads prefixes from disk; None: nothing is read from there.
        sampler: draws the tokens.
    """
    size = vocab_size(model)
    prefixes = prefix_cache(model, spec.prefix_cache_bytes)
    pace = prefill_pace(model, spec, size)
    scheduler = Scheduler(
        model,
        size,
        sampler,
        build_constraint,
        max_batch_size=spec.max_batch_size,
        prefill_chunk=pace,
        prefixes=prefixes,
        restore=restore,
    )
    for sequence_id, sampling in enumerate(_PROBES):
        scheduler.submit(0, Submit(sequence_id, [0] * 4, 2, [], sampling, 4))
    while scheduler.has_work:
        scheduler.prefill()
        scheduler.decode()
    scheduler.take_events()
    prefixes.clear()
    need = memory_need(model, pace.largest_portion())
    mx.clear_cache()
    scheduler.room = MemoryRoom(prefixes, need, spec.memory.emergency_bytes)
    prefixes.disk = disk_tier(model, spec, prefixes)
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


def disk_tier(
    model: nn.Module, spec: EngineSpec, prefixes: PrefixCache
) -> DiskTier | None:
    """Return the cache's files; None where it shall have none, or is off itself."""
    if spec.prefix_disk is None or not prefixes.is_on:
        return None
    cache = make_prompt_cache(model)
    layout = Layout(cache)
    used = make_prompt_cache(model)
    mx.eval(model(mx.zeros((1, 1), mx.uint32), cache=used))
    queue_bytes = min(MAX_QUEUE_BYTES, prefixes.budget_bytes // 2)
    return open_tier(spec.prefix_disk, Path(spec.model_path), layout, used, queue_bytes)


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


class LogitsForm(NamedTuple):
    """What a model's logits are."""

    vocab_size: int
    dtype: mx.Dtype


def logits_form(model: nn.Module) -> LogitsForm:
    """Return the width and the type of the model's logits."""
    logits = model(mx.zeros((1, 1), mx.uint32), cache=make_prompt_cache(model))
    return LogitsForm(int(logits.shape[-1]), logits.dtype)


def vocab_size(model: nn.Module) -> int:
    """Return the width of the model's logits."""
    return logits_form(model).vocab_size


def prefill_pace(
    model: nn.Module,
    spec: EngineSpec,
    vocab_size: int,
    clock: Clock = time.perf_counter,
) -> PrefillPace:
    """Return the chunks that are asked for; else those that meet the target here."""
    if spec.prefill_chunk:
        return FixedPace(spec.prefill_chunk)

    def run(num_tokens: int) -> None:
        cache = make_prompt_cache(model)
        # Tokens far apart, for models of experts that each know some of them.
        token_ids = mx.arange(num_tokens) * 7919 % vocab_size
        model(token_ids[None], cache=cache)
        mx.eval(arrays_in(cache))

    target_s = spec.prefill_target_ms / 1000
    on_gpu = mx.default_device().type == mx.gpu
    ladder = measured_ladder(run, target_s, clock, compiles=on_gpu)
    mx.clear_cache()
    return MeasuredPace(ladder, target_s, clock)
