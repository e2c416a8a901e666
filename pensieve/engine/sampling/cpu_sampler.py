"""Draws in C++, for models on the CPU: it waits for the logits and reads them in place.

Nothing is lost by waiting: on a CPU the model itself computes when it is waited for.
"""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np

from pensieve._native.sampling import draw
from pensieve.engine.sampling.batch import batch_of
from pensieve.engine.sampling.sampler import Drawn
from pensieve.engine.sampling.sequence import ANSWERED, SequenceDraws
from pensieve.engine.token_bits import Bits


def draw_on_cpu(
    logits: mx.array,
    sequences: Sequence[SequenceDraws],
    masks: Sequence[Bits | None],
) -> Drawn:
    """Draw all rows: a Sampler."""
    batch = batch_of(sequences, masks)
    is_bfloat16 = logits.dtype == mx.bfloat16  # which NumPy has not
    values = np.asarray(logits.view(mx.uint16) if is_bfloat16 else logits)
    tokens = np.empty(len(sequences), np.uint32)
    errors = np.empty(len(sequences), np.uint32)
    log_probs = np.empty(len(sequences), np.float32)
    histories = [np.asarray(each) for each in batch.histories]
    draw(
        values,
        batch.reals,
        batch.words,
        histories,
        batch.biases,
        batch.masks,
        tokens,
        errors,
        log_probs,
    )
    for sequence, token in zip(sequences, tokens, strict=True):
        sequence.position += 1
        if sequence.history is not None:
            sequence.history[token] += ANSWERED
    return Drawn(mx.array(tokens), mx.array(errors), mx.array(log_probs))
