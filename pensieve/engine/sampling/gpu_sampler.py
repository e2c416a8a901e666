"""Draws by the kernels of `metal/`, on Metal or CUDA: nobody waits for the logits."""

import operator
from collections.abc import Sequence
from typing import NamedTuple, Self

import mlx.core as mx
import numpy as np

from pensieve.engine.sampling.batch import batch_of, on_device
from pensieve.engine.sampling.gpu_kernels import Needs, SamplingKernels, needed
from pensieve.engine.sampling.operations import move_on
from pensieve.engine.sampling.parameters import joined
from pensieve.engine.sampling.sampler import Drawn
from pensieve.engine.sampling.sequence import SequenceDraws
from pensieve.engine.token_bits import Bits


class GpuSampler:
    """A Sampler.

    Raises:
        RuntimeError: this MLX has no GPU.
    """

    def __init__(self) -> None:
        self._kernels = SamplingKernels()
        self._next: _Next | None = None

    def __call__(
        self,
        logits: mx.array,
        sequences: Sequence[SequenceDraws],
        masks: Sequence[Bits | None],
    ) -> Drawn:
        """Draw all rows."""
        held = self._next
        if held is not None and held.is_of(sequences, masks):
            drawn, params = self._kernels(logits, held.params, needs=held.needs)
            for sequence in sequences:
                sequence.position += 1
            self._next = _Next.of(sequences, held.needs, params)
            return drawn
        batch = batch_of(sequences, masks)
        needs = needed(batch.reals, batch.words, logits.shape[1])
        drawn, params = self._kernels(
            logits,
            mx.array(joined(batch.reals, batch.words)),
            on_device(batch.histories),
            on_device([each.view(np.uint32) for each in batch.biases]),
            on_device(batch.masks),
            needs=needs,
        )
        for i, sequence in enumerate(sequences):
            move_on(sequence, drawn.tokens[i])
        is_plain = not (batch.histories or batch.biases or batch.masks)
        self._next = _Next.of(sequences, needs, params) if is_plain else None
        return drawn


class _Next(NamedTuple):
    """What the next step draws with, if it has the same rows and nothing adjusts them.

    PERF: the device has it already; CUDA would wait for it longer than it draws, and
    Python makes it as slowly; bench/gpu/decode_steps.py
    """

    sequences: list[SequenceDraws]
    positions: list[int]
    needs: Needs
    params: mx.array

    @classmethod
    def of(
        cls, sequences: Sequence[SequenceDraws], needs: Needs, params: mx.array
    ) -> Self:
        """Return that of sequences that have just moved on."""
        positions = [each.position for each in sequences]
        return cls([*sequences], positions, needs, params)

    def is_of(
        self, sequences: Sequence[SequenceDraws], masks: Sequence[Bits | None]
    ) -> bool:
        """Return whether these rows are drawn with it."""
        return (
            len(sequences) == len(self.sequences)
            and all(mask is None for mask in masks)
            and all(map(operator.is_, sequences, self.sequences))
            and [each.position for each in sequences] == self.positions
        )
