"""What is stored of a model's caches: tokens by run, states by checkpoint."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import mlx.core as mx
from mlx.utils import tree_flatten

from pensieve.engine.prefix_cache.layers import (
    BY_STATE,
    BY_TOKEN,
    Arrays,
    can_take_back,
    flat,
    nested,
    of_arrays,
    of_state,
    of_tokens,
    state_of,
    tokens_of,
)
from pensieve.errors import ModelError


class KVSegment(NamedTuple):
    """Keys and values of a run's tokens."""

    layers: list[Arrays]
    """Of the layers that keep them token by token."""

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return sum(each.nbytes for arrays in self.layers for each in arrays)

    def first(self, size: int) -> "KVSegment":
        """Return the part of the first `size` tokens, which keeps the whole alive."""
        return KVSegment([[each[:, :, :size] for each in a] for a in self.layers])

    def split(self, size: int) -> tuple[Self, Self]:
        """Return the parts of the first `size` tokens and of the rest, computed."""
        parts = tuple(
            type(self)(
                [[mx.contiguous(each[:, :, cut]) for each in a] for a in self.layers]
            )
            for cut in (slice(0, size), slice(size, None))
        )
        mx.eval([part.layers for part in parts])
        return parts[0], parts[1]


class States(NamedTuple):
    """The layers that keep no single tokens, after so many of them."""

    layers: list[Any]
    size: int

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return sum(layer.nbytes for layer in self.layers if not layer.empty())

    def can_take_back(self, num_tokens: int) -> bool:
        """Whether the states of so many tokens ago can be had from these."""
        return all(can_take_back(layer, num_tokens) for layer in self.layers)


class Layout:
    """How a model's caches are taken apart and put together.

    Args:
        template: its empty caches, of a single sequence.

    Raises:
        ModelError: a layer's cache is of a kind that is not known here.
    """

    def __init__(self, template: Sequence[Any]) -> None:
        self.template = template
        self._layers = [*flat(template)]
        for layer in self._layers:
            if not isinstance(layer, BY_TOKEN + BY_STATE):
                raise ModelError(
                    "prefix cache: expected a cache of mlx-lm's own kinds, got"
                    f" {type(layer).__name__}"
                )
        self.has_states = any(isinstance(layer, BY_STATE) for layer in self._layers)
        """Whether a prefix can be restored at checkpoints only."""

    def segment(
        self, cache: Sequence[Any], row: int, start: int, end: int
    ) -> KVSegment:
        """Return what a row holds of some tokens, not yet computed."""
        return KVSegment(
            [
                tokens_of(layer, row, start, end)
                for layer in flat(cache)
                if isinstance(layer, BY_TOKEN)
            ]
        )

    def states(self, cache: Sequence[Any], row: int, size: int) -> States | None:
        """Return the states of a row after `size` tokens, not yet computed, if any."""
        if not self.has_states:
            return None
        layers = [
            state_of(layer, row) for layer in flat(cache) if isinstance(layer, BY_STATE)
        ]
        return States(layers, size)

    def cache(
        self, segments: Sequence[KVSegment], states: States | None, size: int, room: int
    ) -> list[Any]:
        """Return caches that hold a prefix: of a batch of one, where mlx-lm has it.

        Args:
            segments: of its runs, `size` tokens in all.
            states: after at least `size` tokens; None where there are none.
            room: tokens that may follow without a copy.
        """
        runs = zip(*(segment.layers for segment in segments), strict=True)
        unwanted = states.size - size if states else 0
        state_layers = iter(states.layers if states else [])
        layers = [
            of_tokens(layer, next(runs), size, room)
            if isinstance(layer, BY_TOKEN)
            else of_state(next(state_layers), unwanted)
            for layer in self._layers
        ]
        return nested(self.template, iter(layers))

    def cache_of_arrays(
        self, arrays: Sequence[Arrays], states: States | None, size: int
    ) -> list[Any]:
        """Return caches that hold a prefix whose arrays have their final length.

        Args:
            arrays: of each layer that keeps its tokens; owned by the caches.
            states: after `size` tokens; None where there are none.
        """
        by_token = iter(arrays)
        state_layers = iter(states.layers if states else [])
        layers = [
            of_arrays(layer, next(by_token), size)
            if isinstance(layer, BY_TOKEN)
            else of_state(next(state_layers))
            for layer in self._layers
        ]
        return nested(self.template, iter(layers))


def arrays_in(cache: Sequence[Any]) -> list[mx.array]:
    """Return a cache's arrays, for computing them."""
    states = [layer.state for layer in flat(cache)]
    return [each for _, each in tree_flatten(states) if isinstance(each, mx.array)]
