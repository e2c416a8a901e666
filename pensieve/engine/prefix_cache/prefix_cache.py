"""KV caches of past sequences: token ids in, the longest prefix's caches out.

What is stored is never written to: rows get arrays of their own, in one copy. Models
whose layers all keep their tokens one by one go on from any place; others from where a
checkpoint was made. Model thread only: what is stored is computed in it.
"""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import mlx.core as mx
import numpy as np

from pensieve.engine.prefix_cache.disk.jobs import Piece
from pensieve.engine.prefix_cache.disk.keys import GRID
from pensieve.engine.prefix_cache.disk.tier import DiskTier, Plan, Restored
from pensieve.engine.prefix_cache.runs import Match, Run, TokenIds, as_array, path_to
from pensieve.engine.prefix_cache.snapshots import (
    KVSegment,
    Layout,
    States,
    arrays_in,
)
from pensieve.engine.prefix_cache.tree import RUN_SIZE, RunTree

ROOM = 256
"""Tokens of an answer that follow a restored prompt before its arrays grow."""
MIN_RESTORED = 64
"""Tokens that have to be saved for files to be read."""


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
        self.disk: DiskTier | None = None
        """Where what is kept is also written to, if anywhere."""
        self._layout = layout
        self._copy_bytes = sys.maxsize
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

    @property
    def budget_bytes(self) -> int:
        """Memory that may be stored."""
        return self._tree.budget_bytes

    @property
    def num_runs(self) -> int:
        """How many pieces of sequences are stored."""
        return self._tree.num_runs

    @property
    def bytes_being_written(self) -> int:
        """What waits to be on disk; its memory may not be free before."""
        return 0 if self.disk is None else self.disk.waiting_bytes

    def clear(self) -> None:
        """Forget everything, here; what is on disk stays."""
        self._tree.clear()

    def limit(self, limit_bytes: int) -> None:
        """Keep no more than this from now on, nor than the budget; forget nothing.

        Args:
            limit_bytes: 0: nothing more is kept, until another limit is set.
        """
        self._tree.limit(limit_bytes)

    def limit_copies(self, nbytes: int) -> None:
        """Hand the disk no more than this in all, beyond what is kept here.

        Until another limit is set; at first there is none.
        """
        self._copy_bytes = nbytes

    def shrink(self, nbytes: int, spared: Sequence[int] | TokenIds = ()) -> None:
        """Forget what was used least lately, until no more than this is kept.

        Args:
            spared: a sequence whose prefix goes last.
        """
        self._tree.touch(self._match(spared).path)
        self._tree.shrink(nbytes)

    def spill(self) -> None:
        """Begin to write what is not on disk, as far as its queue takes it; forget all.

        The memory of what is written is free when it is.
        """
        if self.disk is not None:
            runs = [run for run in self._tree if not run.children or run.checkpoint]
            runs.sort(key=lambda run: -run.last_used)
            for run in runs:
                path = path_to(run)
                token_ids = np.concatenate([each.token_ids for each in path])
                head_size = max((each.end for each in path if each.is_head), default=0)
                self._save(token_ids, path, run.checkpoint, head_size)
        self.clear()

    def known_size(self, token_ids: Sequence[int] | TokenIds) -> int:
        """Return how many leading tokens are stored, restorable or not."""
        return self._tree.match(as_array(token_ids)).size

    def restorable_size(self, token_ids: Sequence[int] | TokenIds) -> int:
        """Return how many tokens `find` would give."""
        return self._source(self._match(token_ids))[1]

    def plan_restore(self, token_ids: Sequence[int] | TokenIds) -> Plan | None:
        """Return what `read` needs, where the disk has usefully more than memory."""
        if self.disk is None or len(token_ids) <= MIN_RESTORED:
            return None
        plan = self.disk.plan(as_array(token_ids), len(token_ids) - 1)
        if plan is None or plan.size < MIN_RESTORED:
            return None
        is_more = plan.size >= self.restorable_size(token_ids) + MIN_RESTORED
        return plan if is_more else None

    def hit_of(
        self, token_ids: Sequence[int] | TokenIds, restored: Restored
    ) -> Hit | None:
        """Return caches of what was read from disk, unless memory has more by now.

        Args:
            restored: of these tokens; owned by the caches from now on.
        """
        if restored.size <= self.restorable_size(token_ids):
            return None
        size = restored.size
        cache = self._layout.cache_of_arrays(restored.layers, restored.states, size)
        mx.async_eval(arrays_in(cache))  # type: ignore[no-untyped-call]
        return Hit(size, cache)

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
        saves: bool = False,
    ) -> None:
        """Store what a row of a batch holds, as far as it is not stored yet.

        Args:
            token_ids: all that the row holds.
            cache: of the batch; not changed.
            head_size: leading tokens that other sequences begin with too; 0: unknown.
            saves: whether it is to be on disk as well.
        """
        is_saved = saves and self.disk is not None
        is_copied = is_saved and self._copy_bytes > 0
        if not ((self.is_on or is_copied) and len(token_ids)):
            return
        states = self._layout.states(cache, row, len(token_ids))
        added = self._tree.insert(
            as_array(token_ids),
            lambda start, end: self._layout.segment(cache, row, start, end),
            states,
            head_size,
        )
        path, size = self._tree.match(as_array(token_ids))
        is_whole = bool(path) and path[-1].end == len(token_ids) == size
        kept = path[-1].checkpoint if is_whole else None
        if kept is None and is_saved:
            kept = self._copied(states)
        new = [run.segment.layers for run in added]
        mx.async_eval(new, arrays_in(kept.layers) if kept else [])  # type: ignore[no-untyped-call]
        if is_saved:
            more = self._unstored(token_ids, cache, row, size)
            self._save(as_array(token_ids), path, kept, head_size, more)

    def save_checkpoint(self, token_ids: Sequence[int] | TokenIds) -> None:
        """Have the states at the end of a sequence on disk, if they are stored."""
        path, size = self._tree.match(as_array(token_ids))
        if path and path[-1].end == size == len(token_ids) and path[-1].checkpoint:
            self._save(as_array(token_ids), path, path[-1].checkpoint, 0)

    def forget_checkpoint(self, token_ids: Sequence[int] | TokenIds) -> None:
        """Drop the states at the end of a sequence, if they are stored."""
        self._tree.forget_checkpoint(as_array(token_ids))

    def _save(
        self,
        token_ids: TokenIds,
        path: Sequence[Run[KVSegment, States]],
        states: States | None,
        head_size: int,
        more: Sequence[Piece] = (),
    ) -> None:
        if self.disk is not None:
            pieces = [Piece(run.start, run.segment.layers) for run in path]
            self.disk.save(token_ids, [*pieces, *more], states, head_size)

    def _copied(self, states: States | None) -> States | None:
        """Return states that memory does not keep, if they may be saved."""
        if states is None or states.nbytes > self._copy_bytes:
            return None
        self._copy_bytes -= states.nbytes
        return states

    def _unstored(
        self,
        token_ids: Sequence[int] | TokenIds,
        cache: Sequence[Any],
        row: int,
        size: int,
    ) -> list[Piece]:
        """Return copies of what memory has no room for, as much as may be saved now."""
        if self.disk is None or size == len(token_ids):
            return []
        missing = self.disk.missing_from(as_array(token_ids))
        start = max(size, missing // GRID * GRID)  # files begin on the grid
        first = max(start, missing)
        end = min(len(token_ids), first + self.disk.room_tokens(self._copy_bytes))
        if end <= first:
            return []
        segment = self._layout.segment(cache, row, start, end)
        self._copy_bytes = max(0, self._copy_bytes - segment.nbytes)
        mx.async_eval(segment.layers)  # type: ignore[no-untyped-call]
        return [Piece(start, segment.layers)]

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
