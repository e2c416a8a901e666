"""How close a choice between two tokens was, computed by the model without any cache.

A disturbed answer may differ from the undisturbed one where the two best tokens are
closer than rounding: other batches and chunks add the same numbers in another order.
"""

from functools import lru_cache
from pathlib import Path

import mlx.core as mx
from reference.philox import gumbel_noise

from pensieve.engine.weights.load import load
from pensieve.link.messages import SamplingParams

MAX_MARGIN = 1e-3


def is_close(
    model_path: Path,
    prompt: list[int],
    wanted: list[int],
    got: list[int],
    sampling: SamplingParams,
) -> bool:
    """Whether two answers part at a choice closer than MAX_MARGIN."""
    pairs = zip(wanted, got, strict=False)
    size = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    if size is None:
        return False  # one is cut short
    before = prompt + wanted[:size]
    logits = _model(model_path)(mx.array([before]))[0, -1].astype(mx.float32)
    margin = abs(
        _key(logits, wanted[size], len(before), sampling)
        - _key(logits, got[size], len(before), sampling)
    )
    print(f"chaos: after {len(before)} tokens, {wanted[size]} or {got[size]}: {margin}")
    return margin < MAX_MARGIN


def _key(
    logits: mx.array, token_id: int, position: int, sampling: SamplingParams
) -> float:
    """Return what the largest of is drawn."""
    logit = float(logits[token_id].item())
    if sampling.temperature == 0:
        return logit
    noise = gumbel_noise(sampling.seed, position, token_id)
    return logit / sampling.temperature + float(noise)


@lru_cache(maxsize=1)
def _model(model_path: Path):
    return load(model_path).model
