"""A small mlx-lm model written as a GGUF file, as llama.cpp's converter writes one.

Names come from gguf-py's own table of Hugging Face names; the rest (llama's reordered
rows, gemma's norms plus one, the rope tensors) is after llama.cpp's conversion/*.py.
Loading such a file must give the model back.
"""

import math
from pathlib import Path

import gguf
import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from reference.small_gguf import add_value

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "phi3": gguf.MODEL_ARCH.PHI3,
}
Q = gguf.GGMLQuantizationType


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter values that make it matter, norms and biases too.

    Those of norms are whole 64ths, which any float type holds.
    """
    mx.random.seed(seed)
    values = []
    for name, value in tree_flatten(model.parameters()):
        if value.ndim == 2:
            value = mx.random.normal(value.shape, scale=value.shape[1] ** -0.5)
        elif name.endswith("bias"):
            value = mx.random.normal(value.shape, scale=0.3)
        else:
            value = mx.round(mx.random.uniform(32, 96, value.shape)) / 64
        values.append((name, value))
    model.update(tree_unflatten(values))
    mx.eval(model)
    return model.eval()


def export(
    model: nn.Module,
    path: Path,
    matrix_type: gguf.GGMLQuantizationType = Q.F32,
    max_tensors: int = 0,
    **changes: object,
) -> Path:
    """Write `model`, with metadata `changes` whose keys have "__" for ".".

    With `max_tensors` the model is split into files of so many each, named as
    llama.cpp's. None leaves a key out; "tensor:NAME" is a tensor to write, or None to
    leave it out.
    """
    args = model.args
    architecture = ARCHITECTURES[args.model_type]
    name = gguf.MODEL_ARCH_NAMES[architecture]
    writer = gguf.GGUFWriter(path, name, split_max_tensors=max_tensors)
    tensors = _tensors(model, architecture) | _rope_tensors(args)
    metadata = _metadata(args, name)
    for key, value in changes.items():
        target = tensors if key.startswith("tensor:") else metadata
        target[key.removeprefix("tensor:").replace("__", ".")] = value

    for key, value in metadata.items():
        add_value(writer, key, value)
    for name, values in tensors.items():
        if values is not None:
            matrix = values.ndim == 2
            ggml_type = matrix_type if matrix else Q.F32
            stored = gguf.quants.quantize(values, ggml_type)
            writer.add_tensor(name, stored, raw_dtype=ggml_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(model: nn.Module, architecture: gguf.MODEL_ARCH) -> dict[str, np.ndarray]:
    args = model.args
    table = gguf.get_tensor_name_map(architecture, args.num_hidden_layers)
    tensors = {}
    for name, value in tree_flatten(model.parameters()):
        values = np.array(value)
        if args.model_type == "llama" and ".q_proj." in name:
            values = _permuted(values, args.num_attention_heads)
        if args.model_type == "llama" and ".k_proj." in name:
            values = _permuted(values, args.num_key_value_heads)
        if args.model_type == "gemma3_text" and name.endswith("norm.weight"):
            values = values + 1
        tensors[table.get_name(name, (".weight", ".bias"))] = values
    return tensors


def _permuted(rows: np.ndarray, heads: int) -> np.ndarray:
    """Bring dimensions i and i + head_dim / 2 of each head together."""
    halves = rows.reshape(heads, 2, len(rows) // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def _metadata(args, name: str) -> dict[str, object]:
    head_dim = getattr(args, "head_dim", None)
    head_dim = head_dim or args.hidden_size // args.num_attention_heads
    rotated = int(head_dim * getattr(args, "partial_rotary_factor", 1.0))
    metadata = {
        "context_length": args.max_position_embeddings,
        "embedding_length": args.hidden_size,
        "block_count": args.num_hidden_layers,
        "feed_forward_length": args.intermediate_size,
        "attention.head_count": args.num_attention_heads,
        "attention.head_count_kv": args.num_key_value_heads,
        "attention.layer_norm_rms_epsilon": args.rms_norm_eps,
        "rope.freq_base": float(args.rope_theta),
        "rope.dimension_count": rotated,
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
    }
    if args.model_type == "gemma3_text":
        metadata["attention.sliding_window"] = args.sliding_window
        metadata["attention.sliding_window_pattern"] = args.sliding_window_pattern
        metadata["rope.freq_base_swa"] = args.rope_local_base_freq
    scaling = args.rope_scaling or {}
    match scaling.get("type"):
        case "linear" | "yarn" as kind:
            metadata["rope.scaling.type"] = kind
            metadata["rope.scaling.factor"] = scaling["factor"]
    if args.model_type == "phi3" or scaling.get("type") == "yarn":
        original = scaling.get("original_max_position_embeddings")
        original = original or args.original_max_position_embeddings
        metadata["rope.scaling.original_context_length"] = original
    if scaling.get("type") == "longrope":
        stretch = args.max_position_embeddings / args.original_max_position_embeddings
        log_original = math.log(args.original_max_position_embeddings)
        factor = math.sqrt(1 + math.log(stretch) / log_original)
        metadata["rope.scaling.attn_factor"] = factor
    return {f"{name}.{key}": value for key, value in metadata.items()}


def _rope_tensors(args) -> dict[str, np.ndarray]:
    scaling = args.rope_scaling or {}
    match scaling.get("type"):
        case "longrope":
            return {
                f"rope_factors_{name}.weight": np.float32(scaling[f"{name}_factor"])
                for name in ("long", "short")
            }
        case "llama3":
            return {"rope_freqs.weight": _llama3_factors(args, scaling)}
    return {}


def _llama3_factors(args, scaling) -> np.ndarray:
    head_dim = args.head_dim or args.hidden_size // args.num_attention_heads
    original = scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    factors = []
    for exponent in np.arange(0, head_dim, 2) / head_dim:
        wavelength = 2 * math.pi * args.rope_theta**exponent
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(scaling["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.float32(factors)
