"""A model's files in, a loaded model out: evaluated, ready to generate with."""

from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn

from pensieve.engine.weights.folder_weights import load_folder
from pensieve.engine.weights.gguf_weights import load_gguf


@dataclass(frozen=True)
class LoadedModel:
    """A model of mlx-lm's, all of its arrays computed."""

    model: nn.Module
    notes: list[str]
    """In what form the weights are held, and what that did to them."""


def load(path: Path, packed: bool | None = None) -> LoadedModel:
    """Load a .gguf file or a folder of Hugging Face's or MLX's form.

    Call it in the thread that generates: MLX computes an array only where it was made.

    Args:
        path: the file or folder.
        packed: whether quantised weights stay so and the rest has 16 bits. None: on a
            GPU. On a CPU all is float32, where x86 has no 16-bit arithmetic and MLX no
            fast product with packed weights.

    Raises:
        ModelError: it cannot be loaded; the text says why.
    """
    if packed is None:
        packed = mx.default_device().type == mx.gpu
    load_files = load_folder if path.is_dir() else load_gguf
    model, notes = load_files(path, packed)
    return LoadedModel(model, notes)
