"""The batch that decodes: one token of each of its sequences a step.

In place of mlx-lm's GenerationBatch, whose caches it uses as that does. There the next
token is sampled before the last one is known, which a mask forbids. Here, where a row
has a constraint, the forward pass is begun on tokens that the host has yet to see; then
the host waits for these, makes the masks of what may follow while the pass runs, and
begins to sample. So a mask costs no time unless it takes longer than the pass. Model
thread only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from numpy.typing import NDArray

from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarError
from pensieve.engine.prefix_cache.layers import batched
from pensieve.engine.sampling.sampler import BatchSampler

Key = TypeVar("Key")
FinishReason = Literal["end_token", "max_tokens"]
Mask = NDArray[np.bool_] | None
"""[vocab_size], the tokens that may come; None: all."""


@dataclass
class Token(Generic[Key]):
    """One sequence's part of a decode step."""

    key: Key
    token_id: int
    finish_reason: FinishReason | None
    failure: str = ""
    """Why the sequence cannot go on after this token, if it cannot."""

    @property
    def is_last(self) -> bool:
        """Whether the sequence is gone."""
        return self.finish_reason is not None or bool(self.failure)


@dataclass
class Row(Generic[Key]):
    """A sequence in the batch."""

    key: Key
    max_tokens: int
    """Tokens that may yet come, >= 1."""
    end_token_ids: Sequence[int]
    sampler: BatchSampler
    constraint: ActiveConstraint | None = None
    head_size: int = 0
    """Leading tokens that many sequences begin with; 0: not known."""
    keep_sizes: Sequence[int] = ()
    """After how many of its tokens others may well go another way."""
    token_ids: list[int] = field(default_factory=list)
    """All of it, its prompt and what has been told; the generator's."""
    disk_size: int = 0
    """Leading tokens that were read from disk; the generator's."""

    @property
    def mask(self) -> Mask:
        """What its next token may be."""
        return self.constraint.mask if self.constraint else None


VisitRow = Callable[[Row[Key], list[Any], int], object]
"""Called with a row, the batch's cache and its index there, when the cache holds all of
the row's `token_ids`."""


class DecodingBatch(Generic[Key]):
    """Sequences whose prompts are in their caches, but for the last token.

    Args:
        keep_row: called for each row before it leaves.
    """

    def __init__(self, model: nn.Module, keep_row: VisitRow[Key]) -> None:
        self._model = model
        self._keep_row = keep_row
        self._rows: list[Row[Key]] = []
        self._cache: list[Any] = []
        """Of mlx-lm, one a layer. PERF: a lone row's is that of a single sequence, for
        a batch's has a mask and offsets to compute; bench/gpu, 0.74 of the speed."""
        self._is_batch = False
        self._tokens = mx.array([], mx.uint32)  # [batch_size], sampled, not yet told

    @property
    def keys(self) -> list[Key]:
        """The sequences, in the order of their rows."""
        return [row.key for row in self._rows]

    def sizes(self) -> dict[Key, int]:
        """Return the tokens of each sequence."""
        return {row.key: len(row.token_ids) for row in self._rows}

    def add(self, row: Row[Key], last_token_id: int, cache: list[Any]) -> None:
        """Take a sequence in, and begin to compute its first token.

        Args:
            last_token_id: of its prompt.
            cache: of the prompt without it and of nothing else; owned from now on.
        """
        logits = self._forward(mx.array([last_token_id]), cache)
        tokens = sample([row], logits, [row.mask])
        begin(tokens)
        if self._rows:
            self._make_batch()
            for layer, added in zip(self._cache, map(batched, cache), strict=True):
                layer.extend(added)
            self._tokens = mx.concatenate([self._tokens, tokens])
            begin(self._tokens)  # PERF: else they are told with the next step's
        else:
            self._cache, self._tokens = cache, tokens
            self._is_batch = False
        self._rows.append(row)

    def remove(self, key: Key) -> None:
        """Take a sequence out, if it is there."""
        if key in self.keys:
            self._keep([i for i, row in enumerate(self._rows) if row.key != key])

    def visit(self, visit_row: VisitRow[Key]) -> None:
        """Call for each row that decodes."""
        for i, row in enumerate(self._rows):
            visit_row(row, self._cache, i)

    def step(self) -> list[Token[Key]]:
        """Return a token of each sequence, and begin to compute the next ones.

        Those whose token is the last are gone.
        """
        if not self._rows:
            return []
        logits = self._forward(self._tokens, self._cache)
        if any(row.constraint for row in self._rows):
            begin(logits)
            told = self._tell(self._tokens)
            masks = [row.mask for row in self._rows]
            self._tokens = sample(self._rows, logits, masks)
            begin(self._tokens)
        else:
            tokens, self._tokens = self._tokens, sample(self._rows, logits)
            begin(self._tokens)
            told = self._tell(tokens)
        if any(token.is_last for token in told):
            self._keep([i for i, token in enumerate(told) if not token.is_last])
        return told

    def _forward(self, tokens: mx.array, cache: list[Any]) -> mx.array:
        """Return the logits of what comes next, [batch_size, vocab_size]."""
        logits: mx.array = self._model(tokens[:, None], cache=cache)[:, -1, :]
        return logits

    def _tell(self, tokens: mx.array) -> list[Token[Key]]:
        """Wait for a token of each row, and lead the constraints on."""
        token_ids = cast(list[int], tokens.tolist())
        return [*map(self._told, self._rows, token_ids)]

    def _told(self, row: Row[Key], token_id: int) -> Token[Key]:
        row.max_tokens -= 1
        row.token_ids.append(token_id)
        if token_id in row.end_token_ids:
            return Token(row.key, token_id, "end_token")
        if row.max_tokens == 0:
            return Token(row.key, token_id, "max_tokens")
        failure = ""
        if row.constraint:
            try:
                row.constraint.advance(token_id)
            except GrammarError as error:
                failure = f"grammar: {error}"
        return Token(row.key, token_id, None, failure)

    def _keep(self, kept: list[int]) -> None:
        for i, row in enumerate(self._rows):
            if i not in kept:
                self._keep_row(row, self._cache, i)
        self._rows = [self._rows[i] for i in kept]
        if not kept:
            self._cache = []
            return
        if len(kept) == 1 and self._is_batch:
            self._cache = [layer.extract(kept[0]) for layer in self._cache]
            self._is_batch = False
        elif self._is_batch:
            for layer in self._cache:
                layer.filter(kept)
        self._tokens = self._tokens[mx.array(kept)]
        begin(self._tokens)  # PERF: as when a row is added

    def _make_batch(self) -> None:
        if not self._is_batch:
            self._cache = [*map(batched, self._cache)]
            self._is_batch = True


def begin(array: mx.array) -> None:
    """Begin to compute an array, without waiting for it."""
    mx.async_eval(array)  # type: ignore[no-untyped-call]


def sample(
    rows: Sequence[Row[Key]], logits: mx.array, masks: Sequence[Mask] = ()
) -> mx.array:
    """Return the next token of each row, [batch_size] uint32.

    Args:
        logits: [batch_size, vocab_size].
        masks: of each row; empty: no row has one.
    """
    if any(mask is not None for mask in masks):
        may_come = np.ones(logits.shape, np.bool_)
        for i, mask in enumerate(masks):
            if mask is not None:
                may_come[i] = mask
        logits = mx.where(mx.array(may_come), logits, -mx.inf)
    samplers = [row.sampler for row in rows]
    if all(sampler is samplers[0] for sampler in samplers):
        return samplers[0](logits)
    drawn = [sampler(logits[i : i + 1]) for i, sampler in enumerate(samplers)]
    return mx.concatenate(drawn)
