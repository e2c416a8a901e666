"""For all tests of the engine: MLX with a fast BLAS, as the engine process has it."""

import sys

from pensieve.engine import blas

if "mlx.core" not in sys.modules:
    blas.preload()
