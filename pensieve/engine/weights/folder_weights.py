"""A model folder of Hugging Face's or MLX's form in, a loaded mlx-lm model out.

mlx-lm reads the files, for every architecture that it has. Code that comes with a model
is never run.
"""

import json
import re
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.utils import load_model

from pensieve.errors import ModelError


def load_folder(path: Path, packed: bool) -> tuple[nn.Module, list[str]]:
    """Load a folder, and say in notes in what form its weights are held.

    Args:
        path: the folder.
        packed: leave the weights as they are in the files (a GPU's form); if not, hold
            all as float32 (a CPU's).

    Raises:
        ModelError: no model, a damaged one, one of a kind that mlx-lm does not have, or
            one that brings code of its own.
    """
    model_type = _checked_model_type(path)
    try:
        model, _ = load_model(path, lazy=True, strict=True, trust_remote_code=False)
        notes = [f"as in the files ({model_type})"] if packed else _to_float32(model)
        mx.eval(model)
    # What a damaged folder makes mlx-lm, its model classes and MLX raise.
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelError(
            f"{path}: mlx-lm cannot load this {model_type}: {reason}"
        ) from (error)
    model.eval()
    return model, notes


def _checked_model_type(path: Path) -> str:
    """Return config.json's model_type, a plain word.

    Raises:
        ModelError: no such file or word, or a `model_file`: code to be run.
    """
    config_path = path / "config.json"
    try:
        config: Any = json.loads(config_path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{config_path}: {error}") from error
    model_type = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(model_type, str) or not re.fullmatch(r"[\w-]+", model_type):
        raise ModelError(
            f"{config_path}: model_type: expected a word, got {model_type!r}"
        )
    if (model_file := config.get("model_file")) is not None:
        raise ModelError(
            f"{config_path}: model_file: expected none, got {model_file!r}:"
            " Pensieve runs no code out of a model's folder"
        )
    return model_type


def _to_float32(model: nn.Module) -> list[str]:
    """Turn parameters into float32, quantised layers into plain ones."""
    # Scales first: dequantised with 16-bit ones, weights would be rounded to 16 bits.
    model.set_dtype(mx.float32)
    dequantised = kept = 0
    for name, module in model.named_modules():
        if not hasattr(module, "bits"):
            continue
        plain = _dequantised(module)
        if plain is None:
            kept += 1
            continue
        mx.eval(plain)  # one at a time: the packed weights of the last are gone by then
        model.update_modules(tree_unflatten([(name, plain)]))
        dequantised += 1
    notes = ["held as float32"]
    if dequantised:
        notes.append(f"{dequantised} quantised layers dequantised")
    if kept:
        notes.append(f"{kept} quantised layers of other kinds left as they are")
    return notes


def _dequantised(module: nn.Module) -> nn.Module | None:
    """Return the plain layer of the same weights; None for a kind unknown here."""
    if module.get("global_scale") is not None:
        return None
    if type(module) is nn.QuantizedLinear:
        plain = nn.Linear(1, 1, bias=False)
    elif type(module) is nn.QuantizedEmbedding:
        plain = nn.Embedding(1, 1)
    elif type(module) is QuantizedSwitchLinear:
        plain = SwitchLinear(1, 1, 1, bias=False)
    else:
        return None
    plain.weight = mx.dequantize(
        module.weight,
        module.scales,
        module.biases,
        group_size=module.group_size,
        bits=module.bits,
        mode=module.mode,
        dtype=mx.float32,
    )
    if "bias" in module:
        plain.bias = module.bias
    return plain
