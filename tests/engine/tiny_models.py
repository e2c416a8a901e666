"""Small random models of real mlx-lm architectures, the same in every process."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models import gemma3_text, gpt_oss, llama, phi3, qwen3_5, qwen3_next

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

PHI3 = LLAMA | {"model_type": "phi3", "rope_theta": 10000.0}
GPT_OSS = {
    "model_type": "gpt_oss",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCAB_SIZE,
    "sliding_window": 8,
    "rope_theta": 10000,
    "layer_types": ["sliding_attention", "full_attention"],
}
QWEN3_NEXT = {
    "model_type": "qwen3_next",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 32,
    "linear_value_head_dim": 32,
    "linear_conv_kernel_dim": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "decoder_sparse_step": 1,
    "shared_expert_intermediate_size": 32,
    "mlp_only_layers": [],
    "moe_intermediate_size": 32,
    "rms_norm_eps": 1e-5,
    "vocab_size": VOCAB_SIZE,
    "rope_theta": 10000.0,
    "partial_rotary_factor": 0.5,
    "max_position_embeddings": 4096,
    "full_attention_interval": 2,
}
QWEN3_5 = {
    "model_type": "qwen3_5",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 32,
    "linear_value_head_dim": 32,
    "linear_conv_kernel_dim": 4,
    "rms_norm_eps": 1e-5,
    "vocab_size": VOCAB_SIZE,
    "max_position_embeddings": 4096,
    "full_attention_interval": 2,
    "tie_word_embeddings": True,
}


def tiny_llama(**changes) -> nn.Module:
    return randomised(llama.Model(llama.ModelArgs.from_dict(LLAMA | changes)))


def tiny_gemma3(window: int = 8) -> nn.Module:
    """Two sliding-window layers, whose caches rotate, and a full one."""
    arguments = GEMMA3 | {"sliding_window": window}
    return randomised(gemma3_text.Model(gemma3_text.ModelArgs.from_dict(arguments)))


def tiny_phi3() -> nn.Module:
    return randomised(phi3.Model(phi3.ModelArgs.from_dict(PHI3)))


def tiny_gpt_oss(window: int = 8) -> nn.Module:
    """A sliding-window layer and a full one, with sinks and experts."""
    arguments = GPT_OSS | {"sliding_window": window}
    return randomised(gpt_oss.Model(gpt_oss.ModelArgs.from_dict(arguments)))


def tiny_qwen3_next() -> nn.Module:
    """A layer with a recurrent state and a full one, with experts."""
    return randomised(qwen3_next.Model(qwen3_next.ModelArgs.from_dict(QWEN3_NEXT)))


def tiny_qwen3_5(vocab_size: int = VOCAB_SIZE) -> nn.Module:
    """A layer with a recurrent state and a full one."""
    arguments = qwen3_5.TextModelArgs.from_dict(QWEN3_5 | {"vocab_size": vocab_size})
    return randomised(qwen3_5.TextModel(arguments))


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


BY_TOKEN = [tiny_llama, tiny_phi3]
"""Models whose caches can be cut anywhere."""
BY_CHECKPOINT = [tiny_gemma3, tiny_gpt_oss, tiny_qwen3_next, tiny_qwen3_5]
"""Models that go on only from where a state was kept."""


def name(make) -> str:
    """Return a model's name, for a test's."""
    return make.__name__.removeprefix("tiny_")


MODELS = [
    tiny_llama,
    tiny_phi3,
    tiny_gemma3,
    tiny_gpt_oss,
    tiny_qwen3_5,
    tiny_qwen3_next,
]
"""One of each kind of cache, and more."""
