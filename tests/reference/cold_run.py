"""The slow twin of all reuse: a sequence computed at once, by a model, from nothing."""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache

LOGITS_TOLERANCE = 1e-4
"""Between float32 logits of a cold run and of one that goes on from what was kept."""
NEAR_TIE = 1e-3
"""Between the two best logits: rounding may decide which of the tokens comes."""


def cold_logits(
    model: nn.Module, token_ids: Sequence[int], cache: Sequence[Any] | None = None
) -> np.ndarray:
    """Return the logits after each token, [num_tokens, vocab_size].

    Args:
        cache: with what comes before; None: empty, as the model makes it.
    """
    logits = model(mx.array([token_ids]), cache=cache or make_prompt_cache(model))
    return np.array(logits[0])


def largest_error(
    model: nn.Module,
    token_ids: Sequence[int],
    logits: np.ndarray,
    cache: Sequence[Any] | None = None,
) -> float:
    """Return the largest difference from a cold run.

    Args:
        logits: after the last tokens of the sequence.
    """
    cold = cold_logits(model, token_ids, cache)
    return float(np.abs(cold[-len(logits) :] - logits).max())


def first_fault(
    model: nn.Module, prompt: Sequence[int], answer: Sequence[int]
) -> int | None:
    """Return where a greedy answer is not what a cold run would have said, if it is.

    Where the cold run's two best logits are nearly the same either may come; a cold
    run that says the other one says something else from there on, so what follows is
    not looked at.
    """
    cold = cold_logits(model, [*prompt, *answer])
    for i, token in enumerate(answer):
        logits = cold[len(prompt) - 1 + i]
        if token != logits.argmax():
            second, best = np.sort(logits)[-2:]
            return None if best - second < NEAR_TIE else i
    return None
