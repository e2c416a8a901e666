"""Metal kernels, from the texts in `pensieve/metal`, and whether they may be used.

Each computes what MLX operations specify; it is built once, compared with them at
start-up, and left out, with a warning, where it differs. No machine with Metal has run
these kernels yet: their arithmetic is tested as C++ only (tests/metal). On CPU and CUDA
the MLX operations themselves serve.
"""

import logging
from collections.abc import Callable
from importlib import resources
from typing import cast

import mlx.core as mx

from pensieve.engine.sampling.gumbel import VocabularyNoise, vocabulary_noise
from pensieve.engine.sampling.philox import seed_words

log = logging.getLogger(__name__)

NOISE_TOLERANCE = 1e-4
"""Of log on the GPU; a wrong bit anywhere gives differences of some units."""

_THREADS = 256
_SELF_TEST = ((0, 0), (1, 1), (2**64 - 1, 2**20), (0x0123456789ABCDEF, 12_345))


def best_noise(vocab_size: int) -> VocabularyNoise:
    """Return the fastest noise that agrees with `vocabulary_noise` here."""
    specified = vocabulary_noise(vocab_size)
    if not mx.metal.is_available():
        return specified
    kernel = metal_noise(vocab_size)
    return kernel if agrees(kernel, specified) else specified


def agrees(kernel: VocabularyNoise, specified: VocabularyNoise) -> bool:
    """Return whether a kernel's noise is the specified one; say loudly if not."""
    try:
        worst = mx.stack(
            [mx.max(mx.abs(kernel(*draw) - specified(*draw))) for draw in _SELF_TEST]
        )
        mx.eval(worst)
    except RuntimeError as error:
        log.warning("kernel gumbel_noise is switched off: it does not run: %s", error)
        return False
    if not mx.all(worst <= NOISE_TOLERANCE).item():  # NaN is not within it either
        log.warning(
            "kernel gumbel_noise is switched off: expected noise within %g of the MLX "
            "operations, got differences of %s",
            NOISE_TOLERANCE,
            worst.tolist(),
        )
        return False
    return True


def metal_noise(vocab_size: int, verbose: bool = False) -> VocabularyNoise:
    """Return the kernel gumbel_noise. Building it does not compile it.

    Args:
        verbose: print the Metal source at each call.
    """
    kernel = cast(  # MLX's stub says object
        Callable[..., list[mx.array]],
        mx.fast.metal_kernel(
            name="pensieve_gumbel_noise",
            input_names=["seed", "position"],
            output_names=["noise"],
            header=source("philox.h") + source("gumbel_noise.h"),
            source=source("gumbel_noise.metal"),
        ),
    )
    blocks = (vocab_size + 3) // 4
    grid = (blocks + _THREADS - 1) // _THREADS * _THREADS

    def noise(seed: int, position: int) -> mx.array:
        return kernel(
            inputs=[
                mx.array(seed_words(seed), mx.uint32),
                mx.array([position], mx.uint32),
            ],
            template=[("VOCAB_SIZE", vocab_size)],
            grid=(grid, 1, 1),
            threadgroup=(_THREADS, 1, 1),
            output_shapes=[(vocab_size,)],
            output_dtypes=[mx.float32],
            verbose=verbose,
        )[0]

    return noise


def source(name: str) -> str:
    """Return a text of `metal/` as it is installed."""
    return (resources.files("pensieve") / "metal" / name).read_text()
