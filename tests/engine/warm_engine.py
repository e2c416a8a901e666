"""An engine's scheduler on a small model, its steps made at once, its prefixes kept."""

from collections.abc import Callable

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.gumbel import vocabulary_noise
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.engine.scheduler import Scheduler
from pensieve.link.messages import (
    Admitted,
    Event,
    Sampled,
    SamplingParams,
    Submit,
)

GREEDY = SamplingParams(seed=0, temperature=0)
PLENTY = 1 << 34
OpenPrefixes = Callable[[Layout], PrefixCache]


class Watched:
    """A model whose calls are seen.

    Args:
        keeps_logits: of calls with a single row.
    """

    def __init__(self, model: nn.Module, keeps_logits: bool) -> None:
        self.model = model
        self._keeps_logits = keeps_logits
        self.num_prefilled = 0
        self.logits: list[np.ndarray] = []
        """Of each call, [num_tokens, vocab_size]."""

    def __call__(self, tokens: mx.array, cache: list) -> mx.array:
        # A decode step has one token a row, and so has each prompt's last.
        self.num_prefilled += tokens.size if tokens.shape[1] > 1 else 0
        logits = self.model(tokens, cache=cache)
        if self._keeps_logits and tokens.shape[0] == 1:
            self.logits.append(np.array(logits[0]))
        return logits

    def __getattr__(self, attribute: str):
        return getattr(self.model, attribute)


class WarmEngine:
    """A scheduler and its prefix cache.

    Args:
        open_prefixes: makes the prefix cache, also after each `restart`.
    """

    def __init__(
        self,
        model: nn.Module,
        vocab_size: int,
        open_prefixes: OpenPrefixes,
        *,
        prefill_chunk: int = 16,
        keeps_logits: bool = False,
    ) -> None:
        self.model = Watched(model, keeps_logits)
        self._vocab_size = vocab_size
        self._open_prefixes = open_prefixes
        self._prefill_chunk = prefill_chunk
        self.events: list[Event] = []
        self._start()

    def _start(self) -> None:
        self.prefixes = self._open_prefixes(Layout(make_prompt_cache(self.model.model)))
        self.scheduler = Scheduler(
            self.model,
            self._vocab_size,
            vocabulary_noise(self._vocab_size),
            lambda *_: None,
            max_batch_size=4,
            prefill_chunk=self._prefill_chunk,
            prefixes=self.prefixes,
        )

    def restart(self) -> None:
        """Go on as a new process would: nothing is left in memory."""
        self._start()

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
