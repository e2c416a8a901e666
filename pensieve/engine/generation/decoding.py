"""The batch that decodes: one token of each of its sequences a step.

In place of mlx-lm's GenerationBatch, whose caches it uses as that does. A step draws
tokens from logits that may still be on their way, begins the forward pass on these
tokens, which the host has yet to see, and only then waits for them. So the constraints
are led on, and all is done that tokens give rise to, while the pass runs; the masks
that it needs are those of the next step. On a CPU, where a draw waits for its logits,
the pass is laid out before it. Model thread only.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

import mlx.core as mx
import mlx.nn as nn

from pensieve.engine.constraints.constraint import ActiveConstraint
from pensieve.engine.constraints.grammar import GrammarError
from pensieve.engine.generation.laying_out import blank_tokens, can_lay_out, fill
from pensieve.engine.prefix_cache.layers import batched
from pensieve.engine.sampling.sampler import ERRORS, NO_ERROR, Drawn, Sampler
from pensieve.engine.sampling.sequence import SequenceDraws

Key = TypeVar("Key")
FinishReason = Literal["end_token", "max_tokens"]


@dataclass
class Token(Generic[Key]):
    """One sequence's part of a decode step."""

    key: Key
    token_id: int | None
    """None where none could be drawn, which is a failure."""
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
    draws: SequenceDraws
    constraint: ActiveConstraint | None = None
    head_size: int = 0
    """Leading tokens that many sequences begin with; 0: not known."""
    keep_sizes: Sequence[int] = ()
    """After how many of its tokens others may well go another way."""
    token_ids: list[int] = field(default_factory=list)
    """All of it, its prompt and what has been told; the generator's."""
    disk_size: int = 0
    """Leading tokens that were read from disk; the generator's."""


VisitRow = Callable[[Row[Key], list[Any], int], object]
"""Called with a row, the batch's cache and its index there, when the cache holds all of
the row's `token_ids`."""


class DecodingBatch(Generic[Key]):
    """Sequences whose prompts are in their caches, but for the last token.

    Args:
        keep_row: called for each row before it leaves, unless its draw failed.
    """

    def __init__(
        self, model: nn.Module, sampler: Sampler, keep_row: VisitRow[Key]
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._keep_row = keep_row
        self._lays_out = not _on_gpu() and can_lay_out(model)
        self._rows: list[Row[Key]] = []
        self._cache: list[Any] = []
        """Of mlx-lm, one a layer. PERF: a lone row's is that of a single sequence, for
        a batch's has a mask and offsets to compute; bench/gpu, 0.74 of the speed."""
        self._is_batch = False
        self._logits = mx.array([])  # [batch_size, vocab_size], of the next tokens

    @property
    def keys(self) -> list[Key]:
        """The sequences, in the order of their rows."""
        return [row.key for row in self._rows]

    def sizes(self) -> dict[Key, int]:
        """Return the tokens of each sequence."""
        return {row.key: len(row.token_ids) for row in self._rows}

    def add(self, row: Row[Key], last_token_id: int, cache: list[Any]) -> None:
        """Take a sequence in, and begin to compute what its first token may be.

        Args:
            last_token_id: of its prompt.
            cache: of the prompt without it and of nothing else; owned from now on.
        """
        logits = self._forward(mx.array([last_token_id]), cache)
        if self._rows:
            self._make_batch()
            for layer, added in zip(self._cache, map(batched, cache), strict=True):
                layer.extend(added)
            self._logits = mx.concatenate([self._logits, logits])
        else:
            self._cache, self._logits = cache, logits
            self._is_batch = False
        begin(self._logits)
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
        drawn = self._lay_out_and_draw() if self._lays_out else self._draw_and_begin()
        told = self._tell(drawn)
        if any(token.is_last for token in told):
            lost = {i for i, token in enumerate(told) if token.token_id is None}
            self._keep([i for i, token in enumerate(told) if not token.is_last], lost)
        return told

    def _draw_and_begin(self) -> Drawn:
        """Draw, and begin the forward pass on what is drawn, which nobody waits for."""
        drawn = self._draw(self._logits)
        begin(drawn.tokens, drawn.errors)
        self._logits = self._forward(drawn.tokens, self._cache)
        begin(self._logits)
        return drawn

    def _lay_out_and_draw(self) -> Drawn:
        """Lay out the next forward pass, then draw, and fill in what is drawn.

        PERF: to lay it out takes Python a twentieth of a step on a CPU. Meanwhile the
        last of this step's operations run: MLX returns when a hundred are left.
        """
        logits = self._logits
        mx.async_eval(logits)  # type: ignore[no-untyped-call]
        tokens = blank_tokens(len(self._rows))
        self._logits = self._forward(tokens, self._cache)
        drawn = self._draw(logits)
        fill(tokens, drawn.tokens)
        return drawn

    def _draw(self, logits: mx.array) -> Drawn:
        masks = [row.constraint.mask if row.constraint else None for row in self._rows]
        return self._sampler(logits, [row.draws for row in self._rows], masks)

    def _forward(self, tokens: mx.array, cache: list[Any]) -> mx.array:
        """Return the logits of what comes next, [batch_size, vocab_size]."""
        logits: mx.array = self._model(tokens[:, None], cache=cache)[:, -1, :]
        return logits

    def _tell(self, drawn: Drawn) -> list[Token[Key]]:
        """Wait for a token of each row, and lead the constraints on."""
        token_ids = cast(list[int], drawn.tokens.tolist())
        errors = cast(list[int], drawn.errors.tolist())
        return [*map(self._told, self._rows, token_ids, errors)]

    def _told(self, row: Row[Key], token_id: int, error: int) -> Token[Key]:
        if error != NO_ERROR:
            return Token(row.key, None, None, ERRORS[error])
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
            except GrammarError as refused:
                failure = f"grammar: {refused}"
        return Token(row.key, token_id, None, failure)

    def _keep(self, kept: list[int], lost: Collection[int] = ()) -> None:
        for i, row in enumerate(self._rows):
            if i not in kept and i not in lost:
                self._keep_row(row, self._cache, i)
        self._rows = [self._rows[i] for i in kept]
        if not kept:
            self._cache, self._logits = [], mx.array([])
            return
        if len(kept) == 1 and self._is_batch:
            self._cache = [layer.extract(kept[0]) for layer in self._cache]
            self._is_batch = False
        elif self._is_batch:
            for layer in self._cache:
                layer.filter(kept)
        self._logits = self._logits[mx.array(kept)]
        begin(self._logits)

    def _make_batch(self) -> None:
        if not self._is_batch:
            self._cache = [*map(batched, self._cache)]
            self._is_batch = True


def begin(*arrays: mx.array) -> None:
    """Begin to compute arrays, without waiting for them; on a CPU do nothing.

    PERF: there MLX returns only when all but the last hundred operations are done, so
    tokens would be told a step late; and nothing is gained, as the host has to wait.
    What is waited for by itself is begun by itself: else it comes with all the rest.
    """
    if _on_gpu():
        mx.async_eval(*arrays)  # type: ignore[no-untyped-call]


def _on_gpu() -> bool:
    return bool(mx.default_device().type == mx.gpu)
