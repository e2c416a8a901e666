"""A batch's draws as the arrays that C++ and the kernels read.

Rows of the batch that have a history, a bias or a mask find theirs by an index.
"""

from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from pensieve.engine.sampling.parameters import NONE, Indices, Reals, Words, packed
from pensieve.engine.sampling.sequence import History, SequenceDraws
from pensieve.engine.token_bits import Bits


class Batch(NamedTuple):
    """What a batch's draws depend on beside the logits."""

    reals: Reals
    words: Words
    histories: list[History]
    biases: list[NDArray[np.float32]]
    masks: list[Bits]


def batch_of(sequences: Sequence[SequenceDraws], masks: Sequence[Bits | None]) -> Batch:
    """Return the arrays of these rows."""
    histories = [each.history for each in sequences if each.history is not None]
    biases = [each.bias for each in sequences if each.bias is not None]
    given = [mask for mask in masks if mask is not None]
    columns = zip(
        _indices([each.history for each in sequences]),
        _indices([each.bias for each in sequences]),
        _indices(masks),
        strict=True,
    )
    reals, words = packed(
        [each.params for each in sequences],
        [each.position for each in sequences],
        [Indices(*each) for each in columns],
    )
    return Batch(reals, words, histories, biases, given)


def _indices(arrays: Sequence[object]) -> list[int]:
    """Return each array's place among those that there are."""
    indices, num_there = [], 0
    for array in arrays:
        indices.append(NONE if array is None else num_there)
        num_there += array is not None
    return indices


def on_device(arrays: Sequence[History]) -> mx.array | None:
    """Return arrays of one size as one, [number, size]; None: there are none."""
    return mx.stack([*map(mx.array, arrays)]) if arrays else None
