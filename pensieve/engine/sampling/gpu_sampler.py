"""Draws by the kernels of `metal/`, on Metal or CUDA: nobody waits for the logits."""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np

from pensieve.engine.sampling.batch import batch_of, on_device
from pensieve.engine.sampling.gpu_kernels import SamplingKernels, needed
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

    def __call__(
        self,
        logits: mx.array,
        sequences: Sequence[SequenceDraws],
        masks: Sequence[Bits | None],
    ) -> Drawn:
        """Draw all rows."""
        batch = batch_of(sequences, masks)
        drawn = self._kernels(
            logits,
            mx.array(joined(batch.reals, batch.words)),
            on_device(batch.histories),
            on_device([each.view(np.uint32) for each in batch.biases]),
            on_device(batch.masks),
            needs=needed(batch.reals, batch.words, logits.shape[1]),
        )
        for i, sequence in enumerate(sequences):
            move_on(sequence, drawn.tokens[i])
        return drawn
