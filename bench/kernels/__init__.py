"""Cases of what the engine does with logits; imports MLX."""

import sys

from pensieve.engine.blas import preload

if "mlx.core" not in sys.modules:  # else too late, and these cases multiply nothing
    preload()

from ..case import Case
from . import noise, sampling

CASES: list[Case] = [*noise.CASES, *sampling.CASES]
