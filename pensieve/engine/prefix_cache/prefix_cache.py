"""KV caches of past sequences: token ids in, the longest prefix's caches out.

What is stored is never written to: rows get arrays of their own, in one copy. Models
whose layers all keep their tokens one by one go on from any place; others from where a
checkpoint was made. Model thread only: what is stored is computed in it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import mlx.core as mx

from pensieve.engine.prefix_cache.runs import Match, Run, TokenIds, as_array
from pensieve.engine.prefix_cache.snapshots import (
    KVSegment,
    Layout,
    States,
    arrays_in,
)
from pensieve.engine.prefix_cache.tree import RUN_SIZE, RunTree

ROOM = 256
"""Tokens of an answer that follow a restored prompt before its arrays grow."""


class Hit(NamedTuple):
    """A prefix that need not be computed."""

    size: int
    """Its tokens, at least one."""
    cache: list[Any]
    """Of mlx-lm, one a layer; owned by the caller."""


class PrefixCache:
    """Shared by all sequences.

    Args:
        layout: of the model's caches.
        budget_bytes: for keys, values and states; 0: nothing is kept.
        run_size: tokens that are evicted together, >= 1.
    """

    def __init__(
        self, layout: Layout, budget_bytes: int, run_size: int = RUN_SIZE
    ) -> None:
        self._layout = layout
        self._tree = RunTree[KVSegment, States](KVSegment([]), budget_bytes, run_size)

    @classmethod
    def off(cls) -> Self:
        """Return one that keeps nothing."""
        return cls(Layout([]), budget_bytes=0)

    @property
    def is_on(self) -> bool:
        """Whether anything can be kept now."""
        return self._tree.limit_bytes > 0

    @property
    def needs_checkpoints(self) -> bool:
        """Whether a prefix can be restored only where it was kept as a whole."""
        return self._layout.has_states

    @property
    def nbytes(self) -> int:
        """Memory of what is stored, at most the budget."""
        return self._tree.nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._tree.clear()

    def limit(self, limit_bytes: int) -> None:
        """Keep no more than this from now on, nor than the budget; forget nothing.

        Args:
            limit_bytes: 0: nothing more is kept, until another limit is set.
        """
        self._tree.limit(limit_bytes)

    def shrink(self, nbytes: int, spared: Sequence[int] | TokenIds = ()) -> None:
        """Forget what was used least lately, until no more than this is kept.

        Args:
            spared: a sequence whose prefix goes last.
        """
        self._tree.touch(self._match(spared).path)
        self._tree.shrink(nbytes)

    def spill(self) -> None:
        """Give back all memory."""
        self.clear()

    def known_size(self, token_ids: Sequence[int] | TokenIds) -> int:
        """Return how many leading tokens are stored, restorable or not."""
        return self._tree.match(as_array(token_ids)).size

    def restorable_size(self, token_ids: Sequence[int] | TokenIds) -> int:
        """Return how many tokens `find` would give."""
        return self._source(self._match(token_ids))[1]

    def find(self, token_ids: Sequence[int] | TokenIds) -> Hit | None:
        """Return caches of the longest prefix that leaves a token to compute."""
        matched = self._match(token_ids)
        source, size = self._source(matched)
        if size == 0:
            return None
        self._tree.touch(matched.path, source)
        segments = [
            run.segment if run.end <= size else run.segment.first(size - run.start)
            for run in matched.path
            if run.start < size
        ]
        states = source.checkpoint if source else None
        room = len(token_ids) - size + ROOM
        cache = self._layout.cache(segments, states, size, room)
        mx.async_eval(arrays_in(cache))  # type: ignore[no-untyped-call]
        return Hit(size, cache)

    def keep(
        self,
        token_ids: Sequence[int] | TokenIds,
        cache: Sequence[Any],
        row: int = 0,
        head_size: int = 0,
    ) -> None:
        """Store what a row of a batch holds, as far as it is not stored yet.

        Args:
            token_ids: all that the row holds.
            cache: of the batch; not changed.
            head_size: leading tokens that other sequences begin with too; 0: unknown.
        """
        if not (self.is_on and len(token_ids)):
            return
        states = self._layout.states(cache, row, len(token_ids))
        added = self._tree.insert(
            as_array(token_ids),
            lambda start, end: self._layout.segment(cache, row, start, end),
            states,
            head_size,
        )
        new = [run.segment.layers for run in added]
        mx.async_eval(new, arrays_in(states.layers) if states else [])  # type: ignore[no-untyped-call]

    def forget_checkpoint(self, token_ids: Sequence[int] | TokenIds) -> None:
        """Drop the states at the end of a sequence, if they are stored."""
        self._tree.forget_checkpoint(as_array(token_ids))

    def _match(self, token_ids: Sequence[int] | TokenIds) -> Match[KVSegment, States]:
        return self._tree.match(as_array(token_ids)[:-1])

    def _source(
        self, matched: Match[KVSegment, States]
    ) -> tuple[Run[KVSegment, States] | None, int]:
        """Return the run whose checkpoint is restored, if one is, and the size."""
        path, size = matched
        if not self._layout.has_states:
            return None, size
        for run in reversed(path):
            if run.checkpoint is None:
                continue
            if run.end <= size:
                return run, run.end
            if run.checkpoint.can_take_back(run.end - size):
                return run, size
        return None, 0
