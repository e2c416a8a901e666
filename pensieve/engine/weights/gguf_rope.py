"""Rotary embedding at frequencies that a GGUF file states as tensors.

Llama 3.1 and later come with `rope_freqs.weight`, Phi-3 with `rope_factors_long.weight`
and `rope_factors_short.weight`: numbers that the wavelengths are multiplied by. They
stand for Hugging Face's rope types "llama3" and "longrope", and are used as they are
instead of being turned back into those.
"""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from numpy.typing import NDArray

from pensieve.models.gguf_config import (
    FACTORS,
    LLAMA3_FACTORS,
    LONG_FACTORS,
    SHORT_FACTORS,
    Config,
    rotated_size,
)
from pensieve.models.gguf_metadata import GgufMetadata
from pensieve.models.hyperparameters import Hyperparameters


class FactoredRope(nn.Module):  # type: ignore[misc]  # mlx has no types
    """Rotary embedding whose wavelengths are stretched one by one.

    Args:
        dims: how many dimensions of a head are turned.
        wavelengths: [dims / 2], in tokens / 2π.
        traditional: whether neighbours make a pair, not halves of `dims`.
        magnitude: what queries and keys are multiplied by in those dimensions.
    """

    def __init__(
        self, dims: int, wavelengths: mx.array, traditional: bool, magnitude: float
    ) -> None:
        super().__init__()
        self.dims = dims
        self.traditional = traditional
        self.magnitude = magnitude
        # MLX takes names with an underscore for no parameters of the model.
        self._wavelengths = wavelengths

    def __call__(self, x: mx.array, offset: int | mx.array = 0) -> mx.array:
        """Turn `x` [batch_size, num_heads, num_tokens, head_dim] by its positions.

        Args:
            x: queries or keys.
            offset: position of the first token, for all or [batch_size].
        """
        if self.magnitude != 1.0:
            x = x.at[..., : self.dims].multiply(self.magnitude)
        return mx.fast.rope(
            x,
            self.dims,
            traditional=self.traditional,
            base=None,
            scale=1.0,
            offset=offset,
            freqs=self._wavelengths,
        )


def factored_rope(metadata: GgufMetadata, config: Config) -> FactoredRope | None:
    """Return the file's own rotary embedding; None where the configuration says it all.

    Raises:
        ModelError: a tensor of another form, or together with a scaling of yarn.
    """
    hyper = Hyperparameters(metadata)
    present = {tensor.name for tensor in metadata.file.tensors}
    present &= FACTORS.get(hyper.architecture, set())
    if not present:
        return None
    name = _factors_name(hyper, present)
    if name not in present:
        raise metadata.wrong(name, f"one beside {present.pop()}", "no such tensor")
    dims = rotated_size(hyper)
    factors = _factors(metadata, name, dims // 2)

    scaling = config.get("rope_scaling") or {"type": "linear", "factor": 1.0}
    if scaling["type"] != "linear":
        raise hyper.wrong("rope.scaling.type", f"none beside {name}", scaling["type"])
    exponents = np.arange(0, dims, 2) / dims
    wavelengths = config["rope_theta"] ** exponents * factors * scaling["factor"]
    return FactoredRope(
        dims,
        mx.array(wavelengths.astype(np.float32)),
        traditional=config.get("rope_traditional", False),
        magnitude=hyper.number("rope.scaling.attn_factor", 1.0),
    )


def _factors_name(hyper: Hyperparameters, present: set[str]) -> str:
    """Return the tensor to use, by llama.cpp's rule.

    Long factors are for contexts beyond the one that the model was first trained with.
    The choice is made once, for the whole context that Pensieve serves: a change in the
    middle of a conversation would make all cached keys wrong.
    """
    if LLAMA3_FACTORS in present:
        return LLAMA3_FACTORS
    context = hyper.count("context_length")
    original = hyper.count("rope.scaling.original_context_length", context)
    return LONG_FACTORS if context > original else SHORT_FACTORS


def _factors(metadata: GgufMetadata, name: str, size: int) -> NDArray[np.float64]:
    """Return the numbers of a tensor, [size], all finite and above 0."""
    tensor = next(one for one in metadata.file.tensors if one.name == name)
    if (tensor.type, tensor.shape) != ("F32", (size,)):
        got = f"{tensor.type} of shape {tensor.shape}"
        raise metadata.wrong(name, f"F32 of shape {(size,)}", got)
    factors = np.frombuffer(metadata.file.tensor_bytes(name), np.float32)
    if not ((factors > 0) & np.isfinite(factors)).all():
        raise metadata.wrong(name, "finite numbers above 0", "others")
    return factors.astype(np.float64)
