"""A GGUF file in, a loaded mlx-lm model out.

Every tensor of the file is used and every parameter of the model is filled, or it is a
ModelError that names the one left over.
"""

import importlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from pensieve._native.gguf import TensorInfo
from pensieve.engine.weights.dequantise import dequantise
from pensieve.engine.weights.gguf_rope import factored_rope
from pensieve.engine.weights.repack import Packed, repack
from pensieve.errors import ModelError
from pensieve.models.gguf_config import FACTORS, Config, model_config
from pensieve.models.gguf_metadata import GgufMetadata
from pensieve.models.tensor_forms import (
    FATES,
    GROUP_SIZE,
    SUPPORTED_TENSOR_TYPES,
    activation_type,
    is_packed,
)

_GLOBAL = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    # phi3: q, k and v in one matrix, gate and up in another
    "self_attn.qkv_proj": "attn_qkv",
    "mlp.gate_up_proj": "ffn_up",
}
_LAYER_OF_GEMMA3 = _LAYER | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def load_gguf(path: Path, packed: bool) -> tuple[nn.Module, list[str]]:
    """Load a file, and say in notes what became of its weights.

    Args:
        path: the file.
        packed: keep quantised matrices in MLX's groups, everything else in the file's
            16-bit type (a GPU's form); if not, hold all as float32 (a CPU's).

    Raises:
        ModelError: not a model that Pensieve runs, or a damaged one.
    """
    try:
        metadata = GgufMetadata(path)
    except OSError as error:
        raise ModelError(f"{path}: {error}") from error
    config, notes = model_config(metadata)
    model = _empty_model(config)
    tensors = _tensors_of_parameters(metadata, model)
    if (rope := factored_rope(metadata, config)) is not None:
        for layer in model.layers:
            layer.self_attn.rope = rope
    fill = _fill_packed if packed else _fill_float32
    notes += fill(metadata, model, tensors)
    mx.eval(model)
    model.eval()
    return model, notes


def _empty_model(config: Config) -> nn.Module:
    """Return the model with parameters that are not computed, so not in memory."""
    module = importlib.import_module(f"mlx_lm.models.{config['model_type']}")
    model = module.Model(module.ModelArgs.from_dict(config))
    if config["tie_word_embeddings"] and hasattr(model, "sanitize"):
        model.sanitize({})  # gemma3 drops its lm_head where there are no weights for it
    return model


def _tensors_of_parameters(
    metadata: GgufMetadata, model: nn.Module
) -> dict[str, TensorInfo]:
    """Return the file's tensor for each parameter of the model.

    Raises:
        ModelError: one left over on either side, shapes that differ, or a type that
            cannot be read.
    """
    architecture = metadata.required("general.architecture", str)
    left = {tensor.name: tensor for tensor in metadata.file.tensors}
    for name in FACTORS.get(architecture, ()):
        left.pop(name, None)

    tensors = {}
    for parameter, value in tree_flatten(model.parameters()):
        name = _tensor_name(parameter, architecture)
        tensor = left.pop(name, None)
        if tensor is None:
            raise metadata.wrong(name, f"one of shape {value.shape}", "no such tensor")
        if tensor.shape != value.shape:
            raise metadata.wrong(name, f"shape {value.shape}", tensor.shape)
        if tensor.type not in SUPPORTED_TENSOR_TYPES:
            expected = "one of the types " + ", ".join(SUPPORTED_TENSOR_TYPES)
            raise metadata.wrong(name, expected, tensor.type)
        tensors[parameter] = tensor
    for name, tensor in left.items():
        expected = f"no such tensor in {architecture} of this configuration"
        raise metadata.wrong(name, expected, f"one of shape {tensor.shape}")
    return tensors


def _tensor_name(parameter: str, architecture: str) -> str:
    """model.layers.3.mlp.up_proj.weight → blk.3.ffn_up.weight"""
    module, _, kind = parameter.rpartition(".")
    if not module.startswith("model.layers."):
        return f"{_GLOBAL[module]}.{kind}"
    layer, _, inner = module.removeprefix("model.layers.").partition(".")
    names = _LAYER_OF_GEMMA3 if architecture == "gemma3" else _LAYER
    return f"blk.{layer}.{names[inner]}.{kind}"


def _fill_float32(
    metadata: GgufMetadata, model: nn.Module, tensors: dict[str, TensorInfo]
) -> list[str]:
    weights = {}
    for parameter, tensor in tensors.items():
        with mx.stream(mx.cpu):
            weights[parameter] = mx.zeros(tensor.shape, mx.float32)
            mx.eval(weights[parameter])
        # PERF: written in place; a copy would take a model of 1 GB half as long again.
        values = np.asarray(weights[parameter])
        dequantise(tensor.type, metadata.file.tensor_bytes(tensor.name), values)
        if _is_shifted_norm(parameter, model):
            values -= 1
        if not np.isfinite(values).all():
            raise _not_finite(metadata, tensor)
    model.load_weights(list(weights.items()), strict=True)
    return [f"held as float32: {_counted(tensors.values())}"]


def _fill_packed(
    metadata: GgufMetadata, model: nn.Module, tensors: dict[str, TensorInfo]
) -> list[str]:
    dtype = _activation_type(tensors.values())
    weights: dict[str, mx.array] = {}
    bits: dict[str, int] = {}
    fates: dict[str, list[TensorInfo]] = {}
    for parameter, tensor in tensors.items():
        raw = metadata.file.tensor_bytes(tensor.name)
        if is_packed(tensor.type, tensor.shape):
            rows, columns = tensor.shape
            matrix = repack(tensor.type, raw, (rows, columns))
            if not np.isfinite([matrix.scales, matrix.biases]).all():
                raise _not_finite(metadata, tensor)
            module = parameter.removesuffix(".weight")
            weights |= _parameters(module, matrix)
            bits[module] = matrix.bits
            fate = FATES[matrix.fidelity]
        else:
            values = _dense(tensor, raw)
            if _is_shifted_norm(parameter, model):
                values -= 1
            weights[parameter] = values.astype(dtype)
            if not mx.isfinite(weights[parameter]).all():
                raise _not_finite(metadata, tensor)
            fate = f"held as {str(dtype).removeprefix('mlx.core.')}"
        fates.setdefault(fate, []).append(tensor)

    def groups(path: str, module: nn.Module) -> bool | dict[str, Any]:
        return path in bits and {"group_size": GROUP_SIZE, "bits": bits[path]}

    nn.quantize(model, class_predicate=groups)
    model.load_weights(list(weights.items()), strict=True)
    return [f"{fate}: {_counted(tensors)}" for fate, tensors in fates.items()]


def _parameters(module: str, matrix: Packed) -> dict[str, mx.array]:
    return {
        f"{module}.weight": mx.array(matrix.weight),
        f"{module}.scales": mx.array(matrix.scales),
        f"{module}.biases": mx.array(matrix.biases),
    }


def _activation_type(tensors: Iterable[TensorInfo]) -> mx.Dtype:
    name = activation_type(each.type for each in tensors if len(each.shape) == 2)
    dtype: mx.Dtype = getattr(mx, name)
    return dtype


def _dense(tensor: TensorInfo, raw: memoryview) -> mx.array:
    """Return a tensor in its own type; float32 for a quantised one."""
    if tensor.type == "F16":
        values = mx.array(np.frombuffer(raw, np.float16))
    elif tensor.type == "BF16":
        values = mx.array(np.frombuffer(raw, np.uint16)).view(mx.bfloat16)
    else:
        widened = np.empty(tensor.shape, np.float32)
        dequantise(tensor.type, raw, widened)
        values = mx.array(widened)
    return values.reshape(tensor.shape)


def _is_shifted_norm(parameter: str, model: nn.Module) -> bool:
    """Whether the converter added 1: to gemma's norms, to which mlx-lm adds it too."""
    return model.model_type == "gemma3_text" and parameter.endswith("norm.weight")


def _not_finite(metadata: GgufMetadata, tensor: TensorInfo) -> ModelError:
    return metadata.wrong(tensor.name, "finite numbers", "infinity or NaN")


def _counted(tensors: Iterable[TensorInfo]) -> str:
    """210 Q4_1, 1 Q8_0"""
    counts = Counter(tensor.type for tensor in tensors)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
