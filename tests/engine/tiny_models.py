"""Small random models of real mlx-lm architectures, the same in every process."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models import gemma3_text, llama

VOCAB_SIZE = 96

LLAMA = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": VOCAB_SIZE,
    "tie_word_embeddings": True,
}
GEMMA3 = {
    "model_type": "gemma3_text",
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCAB_SIZE,
    "sliding_window": 8,
    "sliding_window_pattern": 3,
}


def tiny_llama() -> nn.Module:
    return randomised(llama.Model(llama.ModelArgs.from_dict(LLAMA)))


def tiny_gemma3() -> nn.Module:
    """Two sliding-window layers, whose caches rotate, and a full one."""
    return randomised(gemma3_text.Model(gemma3_text.ModelArgs.from_dict(GEMMA3)))


def randomised(model: nn.Module) -> nn.Module:
    """Give all weights values that make the logits differ by some units."""
    rng = np.random.default_rng(1)
    weights = [
        (name, mx.array(rng.normal(0, 0.4, weight.shape).astype(np.float32)))
        for name, weight in tree_flatten(model.parameters())
    ]
    model.update(tree_unflatten(weights))
    model.eval()
    mx.eval(model.parameters())
    return model


def save_tiny_llama(folder: Path) -> Path:
    """Write the model as a folder of Hugging Face's form; return the folder."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(LLAMA))
    weights = dict(tree_flatten(tiny_llama().parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    return folder
