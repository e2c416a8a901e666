"""Cases of what the engine does with logits; imports MLX."""

from pensieve.engine.blas import preload

preload()

from ..case import Case  # noqa: E402  (OpenBLAS comes first)
from . import noise, sampling  # noqa: E402

CASES: list[Case] = [*noise.CASES, *sampling.CASES]
