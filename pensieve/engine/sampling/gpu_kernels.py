"""A batch's next tokens on a GPU: kernels of one text for Metal and for CUDA.

Where all rows have a small top-k and nothing adjusts their logits, as most models are
served, `select_split` reads the logits, a threadgroup for each split of each row's
vocabulary, and `select_row` draws. Else `sample_split` and `sample_row` do, between
which `sample_mass` reads the logits again, if filters ask what mass comes before a
token. What they compute is said in `metal/`, and by the MLX operations of
`operations.py`. Model thread only, as all of MLX.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from pensieve.engine.sampling.kernel_texts import (
    DTYPES,
    LOGITS,
    ROWS,
    SIGNATURES,
    Backend,
    kernel,
)
from pensieve.engine.sampling.parameters import NUM_PARAMS
from pensieve.engine.sampling.sampler import Drawn


@dataclass(frozen=True)
class Sizes:
    """Constants of the kernels. No token depends on them.

    Args:
        split_size: the most tokens of a split, a multiple of 4 * threads.
        threads: of a threadgroup, a multiple of 32, at least `slots`.
        slots: the largest top_k that is selected; a larger one is searched for.
        chain: links that a split can hand on, at most `slots`.
        measured: links of a row's chain that are measured by all splits at once.
    """

    split_size: int = 4096
    threads: int = 256
    slots: int = 64
    chain: int = 32
    measured: int = 8

    def __post_init__(self) -> None:
        if self.split_size % (4 * self.threads) or self.threads % 32:
            raise ValueError(f"sizes: expected whole blocks of 4 tokens, got {self}")
        if not self.chain <= self.slots <= self.threads <= 1024:
            raise ValueError(
                f"sizes: expected chain <= slots <= threads <= 1024, got {self}"
            )

    def num_splits(self, vocab_size: int) -> int:
        """Return how many splits a vocabulary has."""
        return -(-vocab_size // self.split_size)

    def constants(self, vocab_size: int, measures: bool = True) -> dict[str, int]:
        """Return the kernels' template arguments."""
        return {
            "VOCAB_SIZE": vocab_size,
            "SPLIT_SIZE": self.split_size,
            "THREADS": self.threads,
            "SLOTS": self.slots,
            "CHAIN": self.chain,
            "MEASURED": self.measured if measures else 0,
        }

    def output_shapes(
        self, batch_size: int, vocab_size: int
    ) -> dict[str, tuple[int, ...]]:
        """Return those of the kernels' outputs."""
        splits = batch_size * self.num_splits(vocab_size)
        return {
            "tokens": (batch_size,),
            "errors": (batch_size,),
            "log_probs": (batch_size,),
            "next_params": (batch_size, 2 * NUM_PARAMS),
            "results": (splits * (2 * self.slots + 4),),
            "before": (splits * 2 * self.measured,),
        }


class Needs(Enum):
    """What the rows of a batch need to be drawn."""

    SELECTIONS = auto()
    """All have a small top-k."""
    CHAINS = auto()
    MASSES = auto()
    """Some are measured."""


_Kind = tuple[Needs, bool, bool, bool]
"""Of a batch: what it needs, and whether it has histories, biases and masks."""


class SamplingKernels:
    """Draws a token for each row of logits.

    Args:
        backend: which MLX has; None: the one that is there.
        verbose: print the source at each call.

    Raises:
        RuntimeError: there is none.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        sizes: Sizes = Sizes(),
        verbose: bool = False,
    ) -> None:
        self._backend = backend or available_backend()
        self._sizes = sizes
        self._verbose = verbose
        self._kernels: dict[tuple[str, mx.Dtype], Callable[..., list[mx.array]]] = {}
        self._compiled: dict[_Kind, Callable[..., list[mx.array]]] = {}

    def __call__(
        self,
        logits: mx.array,
        params: mx.array,
        histories: mx.array | None = None,
        biases: mx.array | None = None,
        masks: mx.array | None = None,
        *,
        needs: Needs = Needs.MASSES,
    ) -> tuple[Drawn, mx.array]:
        """Return what is drawn, and `params` of the rows' next tokens.

        Nothing is computed yet, and nobody waits.

        Args:
            logits: [batch_size, vocab_size] float32, float16 or bfloat16.
            params: [batch_size, 16] uint32, what `parameters.joined` returns: the bits
                of 1 / temperature, top_p, -log(min_p) (inf: none), repetition,
                1 / repetition, presence, frequency, 0; then top_k (0: none), seed (low,
                high), position, is_greedy; rows of histories, biases and masks
                (0xFFFFFFFF: none).
            histories: [num, vocab_size] uint32, how often a token is in the answer,
                doubled, plus 1 if it is in the prompt.
            biases: [num, vocab_size] uint32, the bits of float32.
            masks: [num, vocab_size / 32 or more] uint32, a bit for each token that may
                come.
            needs: what `needed` says of the parameters. With MASSES all are drawn
                rightly; with CHAINS, too, but some take much longer.

        Raises:
            ValueError: arrays do not fit together.
        """
        others = (histories, biases, masks)
        kind = (needs, histories is not None, biases is not None, masks is not None)
        draw = self._compiled.get(kind)
        if draw is None:
            # PERF: else MLX writes each kernel's text anew at each call, and Python its
            # arguments; bench/gpu/bench_sampling.py
            draw = self._compiled[kind] = mx.compile(partial(self._draw, *kind))
        given = [logits, params, *(each for each in others if each is not None)]
        tokens, errors, log_probs, next_params = draw(*given)
        return Drawn(tokens, errors, log_probs), next_params

    def _draw(
        self,
        needs: Needs,
        has_histories: bool,
        has_biases: bool,
        has_masks: bool,
        logits: mx.array,
        params: mx.array,
        *others: mx.array,
    ) -> list[mx.array]:
        """Return what is drawn, from those arrays that there are."""
        are_there = (True, True, has_histories, has_biases, has_masks)
        names = [name for name, has in zip(ROWS, are_there, strict=True) if has]
        rows = dict(zip(names, (logits, params, *others), strict=True))
        _check(rows)
        # What is missing is not read, but a kernel has all its arguments.
        rows = {name: rows.get(name, params) for name in (*ROWS, "before")}
        batch_size, vocab_size = logits.shape
        splits = (self._sizes.num_splits(vocab_size), batch_size)
        if needs is Needs.SELECTIONS and not others:
            rows |= self._run("select_split", rows, splits)
            return [*self._run("select_row", rows, (1, batch_size)).values()]
        rows |= self._run("sample_split", rows, splits)
        if measures := needs is Needs.MASSES:
            rows |= self._run("sample_mass", rows, splits)
        return [*self._run("sample_row", rows, (1, batch_size), measures).values()]

    def _run(
        self,
        name: str,
        arrays: dict[str, mx.array],
        threadgroups: tuple[int, int],
        measures: bool = True,
    ) -> dict[str, mx.array]:
        """Return a kernel's outputs by their names."""
        logits, signature = arrays["logits"], SIGNATURES[name]
        key = name, logits.dtype
        if key not in self._kernels:
            self._kernels[key] = kernel(self._backend, name, logits.dtype)
        batch_size, vocab_size = logits.shape
        constants = self._sizes.constants(vocab_size, measures)
        shapes = self._sizes.output_shapes(batch_size, vocab_size)
        threads = self._sizes.threads
        made = self._kernels[key](
            inputs=[arrays[each] for each in signature.inputs],
            template=[(each, constants[each]) for each in signature.constants],
            grid=(threadgroups[0] * threads, threadgroups[1], 1),
            threadgroup=(threads, 1, 1),
            output_shapes=[shapes[output] for output in signature.outputs],
            output_dtypes=[DTYPES[output] for output in signature.outputs],
            verbose=self._verbose,
        )
        return dict(zip(signature.outputs, made, strict=True))


def available_backend() -> Backend:
    """Return which kernels this MLX runs.

    Raises:
        RuntimeError: none.
    """
    if mx.metal.is_available():
        return "metal"
    if mx.cuda.is_available():
        return "cuda"
    raise RuntimeError("sampling kernels: expected a GPU, got an MLX without")


def needed(
    reals: NDArray[np.float32],
    words: NDArray[np.uint32],
    vocab_size: int,
    sizes: Sizes = Sizes(),
) -> Needs:
    """Return what a batch needs.

    Args:
        reals: [batch_size, 8], and
        words: [batch_size, 8], as of `SamplingKernels`.
    """
    top_p, is_greedy = reals[:, 1], words[:, 4] != 0
    top_k = np.where(words[:, 0] < vocab_size, words[:, 0], 0)
    is_selected = (top_k > 0) & (top_k <= sizes.slots) & ~is_greedy
    if is_selected.all():
        return Needs.SELECTIONS
    is_measured = ~is_selected & ~is_greedy & ((top_p < 1) | (top_k > 0))
    return Needs.MASSES if is_measured.any() else Needs.CHAINS


def _check(given: dict[str, mx.array]) -> None:
    """Raise ValueError where arrays do not fit together."""
    logits = given["logits"]
    if logits.ndim != 2 or logits.dtype not in LOGITS or 0 in logits.shape:
        raise ValueError(
            "logits: expected [batch_size, vocab_size] of float32, float16 or "
            f"bfloat16, got {_described(logits)}"
        )
    batch_size, vocab_size = logits.shape
    shapes: dict[str, Sequence[int]] = {
        "params": (batch_size, 2 * NUM_PARAMS),
        "histories": (-1, vocab_size),
        "biases": (-1, vocab_size),
        "masks": (-1, -(-vocab_size // 32)),
    }
    for name, array in given.items():
        shape = shapes.get(name)
        if shape is not None and (
            array.dtype != DTYPES[name]
            or array.ndim != 2
            or array.shape[1] != shape[1]
            or shape[0] not in (-1, array.shape[0])
        ):
            raise ValueError(
                f"{name}: expected {[*shape]} of {DTYPES[name]}, "
                f"got {_described(array)}"
            )


def _described(array: mx.array) -> str:
    return f"{[*array.shape]} of {array.dtype}"
