"""Sequences in, what is known of their longest prefix out; bounded in bytes.

What was used least lately goes first: the end of a sequence, run by run, or a
checkpoint that longer sequences have left behind. Heads go last, unless they take more
than half of the budget. Room is made before anything is added, so the budget is never
exceeded. Bytes are those that segments and checkpoints name.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple

import numpy as np

from pensieve.engine.prefix_cache.runs import (
    CheckpointT,
    Match,
    Run,
    SegmentT,
    TokenIds,
    match,
)

RUN_SIZE = 512
"""Tokens of a run at most: what is evicted at a time, or copied when one is split."""


class RunTree(Generic[SegmentT, CheckpointT]):
    """The store.

    Args:
        empty: a segment of no tokens.
        budget_bytes: >= 0.
        run_size: tokens of a run at most, >= 1.
    """

    def __init__(
        self, empty: SegmentT, budget_bytes: int, run_size: int = RUN_SIZE
    ) -> None:
        self._empty = empty
        self.budget_bytes = self._limit_bytes = budget_bytes
        self._run_size = run_size
        self._clock = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._root = Run[SegmentT, CheckpointT](
            np.zeros(0, np.int32), 0, self._empty, None
        )
        self.nbytes = 0
        """Memory of all that is stored; what sequences share counts once."""
        self.num_runs = 0
        """How many runs are stored."""

    @property
    def limit_bytes(self) -> int:
        """What may be stored now, at most the budget."""
        return self._limit_bytes

    def limit(self, limit_bytes: int) -> None:
        """Store no more than this from now on, nor than the budget; evict nothing."""
        self._limit_bytes = max(0, min(limit_bytes, self.budget_bytes))

    def shrink(self, nbytes: int) -> None:
        """Evict until no more than this is stored."""
        if self.nbytes > nbytes:
            self._make_room(self._limit_bytes - nbytes, self._root)

    def __iter__(self) -> Iterator[Run[SegmentT, CheckpointT]]:
        """Go through all runs, each after the one before it."""
        waiting = [*self._root.children.values()]
        while waiting:
            run = waiting.pop()
            yield run
            waiting += run.children.values()

    def match(self, token_ids: TokenIds) -> Match[SegmentT, CheckpointT]:
        """Return the longest known prefix of a sequence."""
        return match(self._root, token_ids)

    def touch(
        self,
        path: list[Run[SegmentT, CheckpointT]],
        restored: Run[SegmentT, CheckpointT] | None = None,
    ) -> None:
        """Note that runs are used now, and a run's checkpoint."""
        self._clock += 1
        for run in path:
            run.last_used = self._clock
        if restored is not None:
            restored.checkpoint_last_used = self._clock

    def insert(
        self,
        token_ids: TokenIds,
        segment_of: Callable[[int, int], SegmentT],
        checkpoint: CheckpointT | None = None,
        head_size: int = 0,
    ) -> list[Run[SegmentT, CheckpointT]]:
        """Store a sequence, or as much of its start as there is room for.

        Args:
            segment_of: makes the segment of the tokens from one index to another; only
                called for what is not stored.
            checkpoint: at its end.
            head_size: leading tokens that are its head; 0: not known.

        Returns:
            The runs that were added.
        """
        path, size = self.match(token_ids)
        if path and size < path[-1].end:
            if size == len(token_ids) and checkpoint is None:
                self.touch(path)
                return []
            path[-1] = self._split(path[-1], size)
        self._mark_head(path, head_size)
        self.touch(path)
        tip = path[-1] if path else self._root

        wanted = [
            (start, end, segment_of(start, end))
            for start, end in self._pieces(size, len(token_ids), head_size)
        ]
        checkpoint_bytes = 0 if checkpoint is None else checkpoint.nbytes
        total = sum(segment.nbytes for _, _, segment in wanted) + checkpoint_bytes
        self._make_room(total, tip)
        added = []
        for start, end, segment in wanted:
            if not self._has_room(segment.nbytes):
                break
            run = Run[SegmentT, CheckpointT](
                token_ids[start:end].copy(),
                end,
                segment,
                is_head=end <= head_size,
                last_used=self._clock,
            )
            tip.adopt(run)
            tip = run
            added.append(run)
            self.nbytes += segment.nbytes
            self.num_runs += 1
        is_whole = 0 < tip.end == len(token_ids)
        if is_whole and tip.checkpoint is None and self._has_room(checkpoint_bytes):
            tip.checkpoint = checkpoint
            tip.checkpoint_last_used = self._clock
            self.nbytes += checkpoint_bytes
        return added

    def forget_checkpoint(self, token_ids: TokenIds) -> None:
        """Drop the checkpoint at the end of a sequence, if there is one."""
        path, size = self.match(token_ids)
        if path and path[-1].end == size == len(token_ids):
            self._drop_checkpoint(path[-1])

    def _pieces(
        self, start: int, end: int, head_size: int
    ) -> Iterator[tuple[int, int]]:
        while start < end:
            stop = min(end, start + self._run_size)
            if start < head_size < stop:
                stop = head_size
            yield start, stop
            start = stop

    def _mark_head(
        self, path: list[Run[SegmentT, CheckpointT]], head_size: int
    ) -> None:
        """Say of the head's runs in a path that they are; cut one that goes beyond."""
        for i, run in enumerate(path):
            if run.start >= head_size:
                return
            if run.end > head_size:
                path.insert(i, self._split(run, head_size))
            path[i].is_head = True

    def _split(
        self, run: Run[SegmentT, CheckpointT], end: int
    ) -> Run[SegmentT, CheckpointT]:
        """Cut a run at a token of the sequence; return the first part."""
        self.num_runs += 1
        return run.split(end - run.start)

    # ----- Room -----

    def _has_room(self, nbytes: int) -> bool:
        return self.nbytes + nbytes <= self._limit_bytes

    def _make_room(self, nbytes: int, tip: Run[SegmentT, CheckpointT]) -> None:
        """Evict until so many bytes more are within the budget, or nothing is left.

        Args:
            tip: is kept, and so is all before it, but for checkpoints.
        """
        if self._has_room(nbytes):
            return
        head_bytes = sum(run.nbytes for run in self if run.is_head)
        spares_heads = 2 * head_bytes <= self.budget_bytes
        candidates: list[_Candidate[SegmentT, CheckpointT]] = []

        def consider(run: Run[SegmentT, CheckpointT]) -> None:
            if (
                run is self._root
                or run is tip
                or (run.children and run.checkpoint is None)
            ):
                return
            last_used = run.checkpoint_last_used if run.children else run.last_used
            rank = (spares_heads and run.is_head, last_used, -run.end)
            heapq.heappush(candidates, _Candidate(rank, run, not run.children))

        for run in self:
            consider(run)
        while candidates and not self._has_room(nbytes):
            _, run, is_leaf = heapq.heappop(candidates)
            if is_leaf:
                consider(self._drop(run))
            elif run.children:  # else it has become a leaf, and is one in the heap
                self._drop_checkpoint(run)

    def _drop_checkpoint(self, run: Run[SegmentT, CheckpointT]) -> None:
        if run.checkpoint is not None:
            self.nbytes -= run.checkpoint.nbytes
            run.checkpoint = None

    def _drop(self, leaf: Run[SegmentT, CheckpointT]) -> Run[SegmentT, CheckpointT]:
        """Take a run out; return the one before it."""
        before = leaf.parent
        assert before is not None
        self.nbytes -= leaf.nbytes
        self.num_runs -= 1
        del before.children[int(leaf.token_ids[0])]
        leaf.parent = None
        return before


class _Candidate(NamedTuple, Generic[SegmentT, CheckpointT]):
    """A leaf that may go, or a run whose checkpoint may."""

    rank: tuple[bool, int, int]
    run: Run[SegmentT, CheckpointT]
    is_leaf: bool

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        return bool(self.rank < other[0])
