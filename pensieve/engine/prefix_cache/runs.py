"""Runs of tokens with what was computed for them: a radix tree's nodes.

A path from the root spells a sequence. What two sequences share is one run, there once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

TokenIds = NDArray[np.int32]


class Segment(Protocol):
    """What was computed for each token of a run."""

    @property
    def nbytes(self) -> int:
        """Memory that goes when it is dropped."""

    def split(self, size: int) -> tuple[Self, Self]:
        """Return the parts of the first `size` tokens and of the rest, of their own."""


class Checkpoint(Protocol):
    """What was computed of the whole sequence up to a run's end."""

    @property
    def nbytes(self) -> int:
        """Memory that goes when it is dropped."""


SegmentT = TypeVar("SegmentT", bound=Segment)
CheckpointT = TypeVar("CheckpointT", bound=Checkpoint)


@dataclass(eq=False)
class Run(Generic[SegmentT, CheckpointT]):
    """Tokens that follow each other, at least one but in the root."""

    token_ids: TokenIds
    end: int
    """Tokens from the sequence's start to this run's end."""
    segment: SegmentT
    parent: "Run[SegmentT, CheckpointT] | None" = None
    checkpoint: CheckpointT | None = None
    """At the run's end."""
    is_head: bool = False
    """Whether it is of a head, which many sequences share: the last to go."""
    last_used: int = 0
    checkpoint_last_used: int = 0
    children: dict[int, "Run[SegmentT, CheckpointT]"] = field(default_factory=dict)
    """By their first token."""

    @property
    def start(self) -> int:
        """Tokens before this run."""
        return self.end - len(self.token_ids)

    @property
    def nbytes(self) -> int:
        """Memory of all that was computed."""
        checkpoint = self.checkpoint
        return self.segment.nbytes + (0 if checkpoint is None else checkpoint.nbytes)

    def adopt(self, child: "Run[SegmentT, CheckpointT]") -> None:
        """Put a run behind this one, in place of one that begins alike."""
        child.parent = self
        self.children[int(child.token_ids[0])] = child

    def split(self, size: int) -> "Run[SegmentT, CheckpointT]":
        """Cut the first `size` tokens off into a run before this one; return it."""
        assert self.parent is not None
        segment, rest = self.segment.split(size)
        before = Run[SegmentT, CheckpointT](
            self.token_ids[:size].copy(),
            self.start + size,
            segment,
            is_head=self.is_head,
            last_used=self.last_used,
        )
        self.parent.adopt(before)
        self.token_ids, self.segment = self.token_ids[size:].copy(), rest
        before.adopt(self)
        return before


class Match(NamedTuple, Generic[SegmentT, CheckpointT]):
    """The longest prefix of a sequence that is in the tree."""

    path: list[Run[SegmentT, CheckpointT]]
    """Its runs, of which the last may be longer; empty: nothing is known of it."""
    size: int


def match(root: Run[Any, Any], token_ids: TokenIds) -> Match[Any, Any]:
    """Walk down as far as the tokens are the same."""
    path: list[Run[Any, Any]] = []
    run, size = root, 0
    while size == run.end and size < len(token_ids):
        child = run.children.get(int(token_ids[size]))
        if child is None:
            break
        size += common_size(child.token_ids, token_ids[size:])
        path.append(child)
        run = child
    return Match(path, size)


def path_to(run: Run[SegmentT, CheckpointT]) -> list[Run[SegmentT, CheckpointT]]:
    """Return the runs from the sequence's start to this one."""
    path = [run]
    while (before := path[-1].parent) is not None and before.parent is not None:
        path.append(before)
    return path[::-1]


def as_array(token_ids: Sequence[int] | TokenIds) -> TokenIds:
    """Return token ids as runs have them."""
    return np.asarray(token_ids, np.int32)


def common_size(one: TokenIds, other: TokenIds) -> int:
    """Return how many tokens two sequences have in common at their start."""
    size = min(len(one), len(other))
    differs = one[:size] != other[:size]
    first = int(differs.argmax()) if size else 0
    return first if size and differs[first] else size
