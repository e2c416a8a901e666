"""The sampling kernels on the emulator, called as `SamplingKernels` does on a GPU."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from metal.emulator import Emulator, Kernel
from sampling_cases import Batch

from pensieve.engine.sampling.gpu_kernels import Sizes, needs_mass
from pensieve.engine.sampling.kernel_texts import DTYPES, SIGNATURES, text, texts
from pensieve.engine.sampling.parameters import joined

Edit = Callable[[str], str]
"""Of the kernels' texts."""


class EmulatedSampler:
    """The kernels of one vocabulary and one type of logits.

    Args:
        measures: whether `sample_mass` is run where it is needed, as a GPU's sampler
            does; without, one threadgroup does its work.
        edit: what is done to the texts first.
        adjusted: whether the kernels read histories, biases and masks.
    """

    def __init__(
        self,
        folder: Path,
        vocab_size: int,
        dtype: str,
        sizes: Sizes,
        measures: bool = True,
        edit: Edit = str,
        adjusted: bool = True,
    ) -> None:
        self._vocab_size = vocab_size
        self._sizes = sizes
        self._measures = measures
        self._adjusted = adjusted
        kernels = [
            Kernel(
                name,
                edit(text(f"{name}.metal")),
                [(array, _dtype(array, dtype)) for array in signature.inputs(adjusted)],
                [(array, _dtype(array, dtype)) for array in signature.outputs],
            )
            for name, signature in SIGNATURES.items()
        ]
        constants = sizes.constants(vocab_size, measures)
        self._emulator = Emulator(folder, edit(texts(None, "", adjusted)), kernels, constants)

    def __call__(
        self, batch: Batch, schedule: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tokens, errors and log-probabilities."""
        batch_size, vocab_size = batch.logits.shape
        assert vocab_size == self._vocab_size
        rows = [batch.logits, joined(batch.reals, batch.words)]
        if self._adjusted:
            given = (batch.histories, batch.biases, batch.masks)
            rows += [np.zeros(8, "u4") if array is None else array for array in given]
        sizes = self._sizes.output_sizes(batch_size, vocab_size)
        grid = (self._sizes.num_splits(vocab_size), batch_size)

        def run(name, inputs, grid):
            outputs = [sizes[output] for output in SIGNATURES[name].outputs]
            return self._emulator.run(name, inputs, outputs, grid, schedule)

        results = run("sample_split", rows, grid)
        masses = results
        if self._measures and needs_mass(
            batch.reals, batch.words, vocab_size, self._sizes
        ):
            masses = run("sample_mass", rows + results, grid)
        return tuple(run("sample_row", rows + results + masses, (1, batch_size)))

    def close(self) -> None:
        """End its process."""
        self._emulator.close()


def _dtype(array: str, logits: str) -> str:
    return logits if array == "logits" else str(DTYPES[array]).removeprefix("mlx.core.")
