"""A loaded model in, a scheduler that has already generated with it out.

The first steps compile: kernels on a GPU, fused loops on a CPU. And a model whose
caches mlx-lm cannot batch shows it here, before anybody waits for it.
"""

import logging
import time

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.chunk_ladder import Clock, measured_ladder
from pensieve.engine.kernels import best_noise
from pensieve.engine.prefill_pace import FixedPace, MeasuredPace, PrefillPace
from pensieve.engine.prefix_cache.budget import default_budget_bytes
from pensieve.engine.prefix_cache.layers import batched
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout, arrays_in
from pensieve.engine.scheduler import BuildConstraint, Scheduler
from pensieve.errors import ModelError
from pensieve.link.messages import EngineSpec, SamplingParams, Submit

log = logging.getLogger(__name__)

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
    scheduler = Scheduler(
        model,
        size,
        best_noise(size),
        build_constraint,
        max_batch_size=spec.max_batch_size,
        prefill_chunk=prefill_pace(model, spec, size),
        prefixes=prefixes,
    )
    for sequence_id, sampling in enumerate(_PROBES):
        scheduler.submit(0, Submit(sequence_id, [0] * 4, 2, [], sampling, 4))
    while scheduler.has_work:
        scheduler.prefill()
        scheduler.decode()
    scheduler.take_events()
    prefixes.clear()
    return scheduler


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
        cache = [*map(batched, make_prompt_cache(model))]
        # Tokens far apart, for models of experts that each know some of them.
        token_ids = mx.arange(num_tokens) * 7919 % vocab_size
        model(token_ids[None], cache=cache)
        mx.eval(arrays_in(cache))

    target_s = spec.prefill_target_ms / 1000
    ladder = measured_ladder(run, target_s, clock)
    mx.clear_cache()
    return MeasuredPace(ladder, target_s, clock)
