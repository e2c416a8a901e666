"""Whether a forward pass can be laid out before the tokens that it is about are known.

MLX computes nothing before it is asked to, so tokens may be written into an array that
a pass is to read. That holds for a model that does not ask in the middle.
"""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache


def blank_tokens(num_rows: int) -> mx.array:
    """Return tokens that are not known yet, [num_rows]. To make them is no operation:
    that would wait for its turn behind all others.
    """
    return mx.array(np.zeros(num_rows, np.uint32))


def fill(blank: mx.array, tokens: mx.array) -> None:
    """Write tokens into an array of which nothing has been computed yet."""
    np.asarray(blank)[:] = np.asarray(tokens)


def can_lay_out(model: nn.Module) -> bool:
    """Try it with one token: whether logits are those of what was filled in later."""
    blank = blank_tokens(1)
    laid_out = _logits(model, blank)
    fill(blank, mx.array([1], mx.uint32))
    filled, known, other = (
        np.array(each.astype(mx.float32))
        for each in (
            laid_out,
            _logits(model, mx.array([1], mx.uint32)),
            _logits(model, mx.array([0], mx.uint32)),
        )
    )
    return bool(np.array_equal(filled, known) and not np.array_equal(filled, other))


def _logits(model: nn.Module, tokens: mx.array) -> mx.array:
    cache: list[Any] = make_prompt_cache(model)
    logits: mx.array = model(tokens[:, None], cache=cache)[:, -1, :]
    return logits
