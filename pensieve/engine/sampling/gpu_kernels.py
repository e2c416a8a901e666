"""A batch's next tokens on a GPU: three kernels of one text for Metal and for CUDA.

`sample_split` reads the logits, a threadgroup for each split of each row's vocabulary;
`sample_mass` reads them again, in batches whose filters ask what mass comes before a
token; `sample_row` draws. What they compute is said in `metal/sample_*.h`, and by the
MLX operations of `operations.py`. Model thread only, as all of MLX.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from pensieve.engine.sampling.kernel_texts import (
    ADJUSTMENTS,
    DTYPES,
    LOGITS,
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
        split_size: tokens of a split, a multiple of 4 * threads.
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

    def constants(self, vocab_size: int, is_measured: bool) -> dict[str, int]:
        """Return the kernels' template arguments."""
        return {
            "VOCAB_SIZE": vocab_size,
            "SPLIT_SIZE": self.split_size,
            "THREADS": self.threads,
            "SLOTS": self.slots,
            "CHAIN": self.chain,
            "MEASURED": self.measured if is_measured else 0,
        }

    def output_sizes(self, batch_size: int, vocab_size: int) -> dict[str, int]:
        """Return the elements of the kernels' outputs."""
        splits = batch_size * self.num_splits(vocab_size)
        sizes = dict.fromkeys(SIGNATURES["sample_row"].outputs, batch_size)
        sizes["results"] = splits * (2 * self.slots + 4)
        sizes["masses"] = splits * 2 * self.measured
        return sizes


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
        self._kernels: dict[Kind, Callable[..., list[mx.array]]] = {}
        self._compiled: dict[tuple[bool, ...], Callable[..., list[mx.array]]] = {}

    def __call__(
        self,
        logits: mx.array,
        params: mx.array,
        histories: mx.array | None = None,
        biases: mx.array | None = None,
        masks: mx.array | None = None,
        *,
        is_measured: bool = True,
    ) -> Drawn:
        """Return what is drawn. Nothing is computed yet, and nobody waits.

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
            is_measured: what `needs_mass` says of the parameters. If it is False and
                should not be, the tokens are the same but take much longer.

        Raises:
            ValueError: arrays do not fit together.
        """
        are_there = (histories is not None, biases is not None, masks is not None)
        kind = (is_measured, *are_there)
        draw = self._compiled.get(kind)
        if draw is None:
            # PERF: else MLX writes each kernel's text anew at each call, and Python its
            # arguments; bench/gpu/bench_sampling.py
            draw = self._compiled[kind] = mx.compile(partial(self._draw, kind))
        if True not in are_there:
            return Drawn(*draw(logits, params))
        given = (logits, params, histories, biases, masks)
        return Drawn(*draw(*(each for each in given if each is not None)))

    def _draw(self, kind: tuple[bool, ...], *given: mx.array) -> list[mx.array]:
        """Return what is drawn, from those arrays that there are."""
        is_measured, *are_there = kind
        logits, params, *others = given
        arrays = iter(others)
        rows = _checked(
            logits,
            params,
            {
                name: next(arrays) if is_there else None
                for name, is_there in zip(ADJUSTMENTS, are_there, strict=True)
            },
        )
        batch_size, vocab_size = logits.shape
        grid = (self._sizes.num_splits(vocab_size), batch_size)
        results = self._run("sample_split", rows, grid, is_measured)
        masses = results  # not read
        if is_measured:
            masses = self._run("sample_mass", rows + results, grid, is_measured)
        inputs = rows + results + masses
        return self._run("sample_row", inputs, (1, batch_size), is_measured)

    def _run(
        self,
        name: str,
        inputs: list[mx.array],
        threadgroups: tuple[int, int],
        is_measured: bool,
    ) -> list[mx.array]:
        signature, logits = SIGNATURES[name], inputs[0]
        is_adjusted = len(inputs) == len(signature.inputs(True))
        key = Kind(name, logits.dtype, is_adjusted)
        if key not in self._kernels:
            self._kernels[key] = kernel(self._backend, *key)
        batch_size, vocab_size = logits.shape
        constants = self._sizes.constants(vocab_size, is_measured)
        sizes = self._sizes.output_sizes(batch_size, vocab_size)
        threads = self._sizes.threads
        return self._kernels[key](
            inputs=inputs,
            template=[(each, constants[each]) for each in signature.constants],
            grid=(threadgroups[0] * threads, threadgroups[1], 1),
            threadgroup=(threads, 1, 1),
            output_shapes=[(sizes[output],) for output in signature.outputs],
            output_dtypes=[DTYPES[output] for output in signature.outputs],
            verbose=self._verbose,
        )


class Kind(NamedTuple):
    """What a kernel is made for."""

    name: str
    dtype: mx.Dtype
    is_adjusted: bool


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


def needs_mass(
    reals: NDArray[np.float32],
    words: NDArray[np.uint32],
    vocab_size: int,
    sizes: Sizes = Sizes(),
) -> bool:
    """Return whether a batch has rows that `sample_mass` serves.

    Args:
        reals: [batch_size, 8], and
        words: [batch_size, 8], as of `SamplingKernels`.
    """
    top_p, is_greedy = reals[:, 1], words[:, 4] != 0
    top_k = np.where(words[:, 0] < vocab_size, words[:, 0], 0)
    is_selected = (top_k > 0) & (top_k <= sizes.slots)
    return bool((~is_greedy & ~is_selected & ((top_p < 1) | (top_k > 0))).any())


def _checked(
    logits: mx.array, params: mx.array, others: dict[str, mx.array | None]
) -> list[mx.array]:
    """Return the rows' arrays, with others in the place of those that are not there; the
    first two, if none is."""
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
    for name, array in {"params": params, **others}.items():
        shape = shapes[name]
        if array is not None and (
            array.dtype != DTYPES[name]
            or array.ndim != 2
            or array.shape[1] != shape[1]
            or shape[0] not in (-1, array.shape[0])
        ):
            raise ValueError(
                f"{name}: expected {[*shape]} of {DTYPES[name]}, "
                f"got {_described(array)}"
            )
    rows = [logits, params]
    if any(array is not None for array in others.values()):
        rows += [params if array is None else array for array in others.values()]
    return rows


def _described(array: mx.array) -> str:
    return f"{[*array.shape]} of {array.dtype}"
