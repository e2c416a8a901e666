"""The random numbers of a step: Philox's words, and Gumbel noise of a vocabulary.

The baseline is MLX's own generator, whose state Pensieve cannot use (a draw must not
depend on others), and which is what mlx-lm's categorical draw takes its noise from.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx

from pensieve.engine.sampling.gumbel import vocabulary_noise
from pensieve.engine.sampling.philox import philox_4x32

from ..case import Case, Contest

VOCABULARIES = {"49k": 49_152, "152k": 151_936}


def gumbel(vocab_size: int) -> Callable[[Path], Contest]:
    """Return what sets up the noise of so many tokens."""

    def make(_: Path) -> Contest:
        noise = vocabulary_noise(vocab_size)
        positions = itertools.count()
        return Contest(
            lambda: mx.eval(noise(1, next(positions))),
            {"mx.random": lambda: mx.eval(mx.random.gumbel(shape=(vocab_size,)))},
            vocab_size * 4,
        )

    return make


def philox(_: Path) -> Contest:
    """Set up the words of a vocabulary."""
    num_words = VOCABULARIES["152k"]
    blocks = mx.arange(num_words // 4, dtype=mx.uint32)
    zero = mx.zeros_like(blocks)
    mx.eval(blocks, zero)
    return Contest(
        lambda: mx.eval(philox_4x32((blocks, zero, zero, zero), 1)),
        {"mx.random.uniform": lambda: mx.eval(mx.random.uniform(shape=(num_words,)))},
        num_words * 4,
    )


CASES = [
    Case("noise.philox_152k", philox),
    *(
        Case(f"noise.gumbel_{name}", gumbel(size))
        for name, size in VOCABULARIES.items()
    ),
]
