"""What the native sampler says of a batch, as arrays of its own."""

import numpy as np
import sampling_cases as cases
from reference import sampling as reference

from pensieve._native.sampling import Sampler
from pensieve.link.messages import SamplingParams


def drawn(sampler: Sampler, batch: cases.Batch):
    """Return tokens, errors and log-probabilities of a batch, each [batch_size]."""
    tokens = np.full(len(batch.logits), 0xDEAD, np.uint32)
    errors, log_probs = tokens.copy(), tokens.astype(np.float32)
    sampler.sample(
        batch.logits,
        batch.reals,
        batch.words,
        tokens,
        errors,
        log_probs,
        histories=batch.histories,
        biases=batch.biases,
        masks=batch.masks,
        is_bfloat16=batch.is_bfloat16,
    )
    return tokens, errors, log_probs


def one_row(logits, position=0, **settings) -> cases.Batch:
    params = SamplingParams(seed=5, **settings)
    reals, words = reference.parameters(params, position)
    return cases.batch([cases.Row("", logits, reals, words)])
