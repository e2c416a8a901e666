"""The sampling kernels on the emulator, called as `SamplingKernels` does on a GPU."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from metal.emulator import Emulator, Kernel
from sampling_cases import Batch

from pensieve.engine.sampling.gpu_kernels import Needs, Sizes, needed
from pensieve.engine.sampling.kernel_texts import (
    DRAWN,
    DTYPES,
    ROWS,
    SIGNATURES,
    text,
    texts,
)
from pensieve.engine.sampling.parameters import NUM_PARAMS, joined

Edit = Callable[[str], str]
"""Of the kernels' texts."""


class EmulatedSampler:
    """The kernels of one vocabulary and one type of logits.

    Args:
        measures: whether `sample_mass` is run where it is needed, as a GPU's sampler
            does; without, one threadgroup does its work.
        edit: what is done to the texts first.
    """

    def __init__(
        self,
        folder: Path,
        vocab_size: int,
        dtype: str,
        sizes: Sizes,
        measures: bool = True,
        edit: Edit = str,
    ) -> None:
        self._vocab_size = vocab_size
        self._sizes = sizes
        self._measures = measures
        kernels = [
            Kernel(
                name,
                edit(text(f"{name}.metal")),
                [(array, _dtype(array, dtype)) for array in signature.inputs],
                [(array, _dtype(array, dtype)) for array in signature.outputs],
            )
            for name, signature in SIGNATURES.items()
        ]
        constants = sizes.constants(vocab_size, measures)
        self._emulator = Emulator(folder, edit(texts(None)), kernels, constants)

    def __call__(
        self, batch: Batch, schedule: int = 0, selects: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tokens, errors and log-probabilities.

        Args:
            selects: whether batches that need selections alone are drawn by the kernels
                that only select.
        """
        batch_size, vocab_size = batch.logits.shape
        assert vocab_size == self._vocab_size
        needs = needed(batch.reals, batch.words, vocab_size, self._sizes)
        given = (batch.histories, batch.biases, batch.masks)
        others = [np.zeros(8, "u4") if array is None else array for array in given]
        inputs = (batch.logits, joined(batch.reals, batch.words), *others)
        rows = dict(zip(ROWS, inputs, strict=True))
        shapes = self._sizes.output_shapes(batch_size, vocab_size)
        splits = (self._sizes.num_splits(vocab_size), batch_size)

        def run(name, grid):
            signature = SIGNATURES[name]
            inputs = [rows[each] for each in signature.inputs]
            outputs = [math.prod(shapes[each]) for each in signature.outputs]
            made = self._emulator.run(name, inputs, outputs, grid, schedule)
            rows.update(zip(signature.outputs, made, strict=True))

        is_plain = all(array is None for array in given)
        if selects and needs is Needs.SELECTIONS and is_plain:
            run("select_split", splits)
            run("select_row", (1, batch_size))
        else:
            run("sample_split", splits)
            rows["before"] = np.zeros(8, "u4")
            if self._measures and needs is Needs.MASSES:
                run("sample_mass", splits)
            run("sample_row", (1, batch_size))
        tokens, errors, log_probs, next_params = (rows[each] for each in DRAWN)
        next_rows = inputs[1].copy()
        next_rows[:, NUM_PARAMS + 3] += 1
        assert np.array_equal(next_params.reshape(next_rows.shape), next_rows)
        return tokens, errors, log_probs

    def close(self) -> None:
        """End its process."""
        self._emulator.close()


def _dtype(array: str, logits: str) -> str:
    return logits if array == "logits" else str(DTYPES[array]).removeprefix("mlx.core.")
