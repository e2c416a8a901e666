"""Draws in C++, for models on a CPU: waits for the logits and reads them in place."""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from pensieve._native import sampling
from pensieve.engine.sampling.batch import batch_of
from pensieve.engine.sampling.sampler import Drawn
from pensieve.engine.sampling.sequence import ANSWERED, SequenceDraws
from pensieve.engine.token_bits import Bits


class CpuSampler:
    """A Sampler. Of one thread."""

    def __init__(self) -> None:
        self._native = sampling.Sampler()

    def __call__(
        self,
        logits: mx.array,
        sequences: Sequence[SequenceDraws],
        masks: Sequence[Bits | None],
    ) -> Drawn:
        """Draw all rows."""
        batch = batch_of(sequences, masks)
        is_bfloat16 = logits.dtype == mx.bfloat16  # which NumPy has not
        values = mx.contiguous(logits.view(mx.uint16) if is_bfloat16 else logits)
        tokens, errors = np.empty((2, len(sequences)), np.uint32)
        log_probs = np.empty(len(sequences), np.float32)
        self._native.sample(
            np.asarray(values),
            batch.reals,
            batch.words,
            tokens,
            errors,
            log_probs,
            histories=stacked([np.asarray(each) for each in batch.histories]),
            biases=stacked(batch.biases),
            masks=stacked(batch.masks),
            is_bfloat16=is_bfloat16,
        )
        for sequence, token in zip(sequences, tokens, strict=True):
            sequence.position += 1
            if sequence.history is not None:
                sequence.history[token : token + 1] += ANSWERED
        return Drawn(mx.array(tokens), mx.array(errors), mx.array(log_probs))


def stacked(
    arrays: Sequence[NDArray[np.uint32]] | Sequence[NDArray[np.float32]],
) -> NDArray[np.uint32] | NDArray[np.float32] | None:
    """Return arrays of one size as one; None: there are none. PERF: one is no copy."""
    if not arrays:
        return None
    return arrays[0][None] if len(arrays) == 1 else np.stack([*arrays])
