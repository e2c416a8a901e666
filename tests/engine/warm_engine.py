"""An engine's scheduler on a small model, its steps made at once, its prefixes kept."""

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.prefix_cache.disk.opening import open_tier
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.restorer import RestoredSequence, Wanted, read
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.engine.prefix_cache.tree import RUN_SIZE
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import (
    Admitted,
    Event,
    PrefixDisk,
    Sampled,
    SamplingParams,
    Submit,
)

GREEDY = SamplingParams(seed=0, temperature=0)
PLENTY = 1 << 34
FLUSH_S = 60
"""For what takes milliseconds; nothing is asserted of it."""


class Tiers(NamedTuple):
    """What is kept where."""

    memory_bytes: int = PLENTY
    run_size: int = RUN_SIZE
    disk: Path | None = None
    """A folder; None: nothing is on disk."""
    disk_bytes: int = PLENTY

    def open(self, model: nn.Module, template: list[Any] | None = None) -> PrefixCache:
        """Return a prefix cache with both tiers, the memory's empty.

        Args:
            template: the model's empty caches; None: as it makes them.
        """
        template = template or make_prompt_cache(model)
        prefixes = PrefixCache(Layout(template), self.memory_bytes, self.run_size)
        if self.disk is not None:
            weights = self.disk / "weights.gguf"
            weights.write_bytes(b"of the model")
            used = copy.deepcopy(template)
            mx.eval(model(mx.array([[0]]), cache=used))
            prefixes.disk = open_tier(
                PrefixDisk(str(self.disk / "kept"), "", self.disk_bytes),
                weights,
                Layout(template),
                used,
                PLENTY,
            )
        return prefixes


class Watched:
    """A model whose calls are seen.

    Args:
        keeps_logits: of calls with a single row.
    """

    def __init__(self, model: nn.Module, keeps_logits: bool) -> None:
        self.model = model
        self._keeps_logits = keeps_logits
        self.num_prefilled = 0
        self.logits: list[mx.array] = []
        """Of each call, [num_tokens, vocab_size]; nobody has waited for them."""

    def __call__(self, tokens: mx.array, cache: list) -> mx.array:
        # A decode step has one token a row, and so has each prompt's last.
        self.num_prefilled += tokens.size if tokens.shape[1] > 1 else 0
        logits = self.model(tokens, cache=cache)
        if self._keeps_logits and tokens.shape[0] == 1:
            self.logits.append(logits[0])
        return logits

    def __getattr__(self, attribute: str):
        return getattr(self.model, attribute)


class WarmEngine:
    """A scheduler and its prefix cache.

    Args:
        tiers: opened at first, and again after each `restart`.
    """

    def __init__(
        self,
        model: nn.Module,
        vocab_size: int,
        tiers: Tiers,
        *,
        prefill_chunk: int = 16,
        keeps_logits: bool = False,
    ) -> None:
        self.model = Watched(model, keeps_logits)
        self._vocab_size = vocab_size
        self._tiers = tiers
        self._prefill_chunk = prefill_chunk
        self.events: list[Event] = []
        self._start()

    def _start(self) -> None:
        self.prefixes = self._tiers.open(self.model.model)
        self.scheduler = Scheduler(
            self.model,
            self._vocab_size,
            draw_by_operations,
            lambda *_: None,
            max_batch_size=4,
            prefill_chunk=self._prefill_chunk,
            prefixes=self.prefixes,
            restore=self._restore,
        )

    def restart(self) -> None:
        """Go on as a new process would: nothing is left in memory."""
        if self.prefixes.disk is not None:
            assert self.prefixes.disk.flush(FLUSH_S)
        self._start()

    def _restore(self, wanted: Wanted) -> None:
        """Read in another thread, as the engine does, but wait for it."""
        with ThreadPoolExecutor(1) as other:
            prefix = other.submit(read, wanted).result()
        self.scheduler.take_restored(
            RestoredSequence(wanted.connection_id, wanted.submit, prefix)
        )

    def submit(self, *submits: Submit) -> None:
        for submit in submits:
            self.scheduler.submit(0, submit)

    def step(self, times: int = 1) -> list[Event]:
        """Return what has happened in some steps."""
        events: list[Event] = []
        for _ in range(times):
            self.scheduler.decode()
            self.scheduler.prefill()
            events += self.scheduler.take_events().get(0, [])
        self.events += events
        return events

    def run(self, *submits: Submit) -> list[int]:
        """Let sequences run to their ends; return the first one's tokens."""
        self.submit(*submits)
        while self.scheduler.has_work:
            self.step()
        return self.tokens(submits[0].sequence_id) if submits else []

    def tokens(self, sequence_id: int) -> list[int]:
        return [
            token
            for event in self.events
            if isinstance(event, Sampled)
            for named, token in zip(event.sequence_ids, event.token_ids, strict=True)
            if named == sequence_id
        ]

    def admitted(self, sequence_id: int) -> Admitted:
        [admitted] = [
            event
            for event in self.events
            if isinstance(event, Admitted) and event.sequence_id == sequence_id
        ]
        return admitted


def asked(
    sequence_id: int, token_ids: list[int], max_tokens: int = 6, head_size: int = 0
) -> Submit:
    """Return what asks for the likeliest tokens after these."""
    return Submit(
        sequence_id,
        [*token_ids],
        max_tokens,
        [],
        GREEDY,
        len(token_ids),
        head_size=head_size,
    )
