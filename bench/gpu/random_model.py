"""A llama of random 4-bit weights, as a folder that any server of MLX models can serve.

For measuring speed where no weights can be had: what it says means nothing, but it
costs what a real model of its sizes costs. Its tokenizer is byte-level without merges,
so a prompt has as many tokens as bytes, and each other token is a word of its own, so
that every token of an answer can be seen. Prints one line of JSON: the device, seconds
and bytes.

    python -m pensieve.bench.gpu.random_model FOLDER [--sizes 8b|small]
"""

import argparse
import json
import sys
import time
from pathlib import Path

from pensieve.engine.blas import preload

if "mlx.core" not in sys.modules:  # else too late, and only slower on a CPU
    preload()

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.models import llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SIZES = {
    "8b": {
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
    "small": {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 1024,
    },
}
QUANTIZATION = {"group_size": 64, "bits": 4}
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def config(sizes: str) -> dict[str, object]:
    """Return config.json's content."""
    end_token_id = int(SIZES[sizes]["vocab_size"]) - 1
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "eos_token_id": end_token_id,
        "quantization": QUANTIZATION,
        **SIZES[sizes],
    }


def quantized(sizes: str) -> llama.Model:
    """Return the model, all of its weights made."""
    mx.random.seed(0)
    model = llama.Model(llama.ModelArgs.from_dict(config(sizes)))
    model.set_dtype(mx.bfloat16)
    nn.quantize(model, **QUANTIZATION)
    # Layer by layer: all of them at once would be there in float32 first.
    for layer in model.layers:
        mx.eval(layer.parameters())
    mx.eval(model.parameters())
    return model


def save_weights(folder: Path, sizes: str) -> int:
    """Write random weights; return their bytes."""
    model = quantized(sizes)
    path = folder / "model.safetensors"
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(path), weights, metadata={"format": "mlx"})
    return path.stat().st_size


def save_tokenizer(folder: Path, vocab_size: int) -> None:
    """Write a tokenizer of as many tokens as the model has, and a chat template."""
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    num_words = vocab_size - len(pieces) - len(CONTROL)
    pieces += [f"Ġw{i}" for i in range(num_words)]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(CONTROL)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": CONTROL[-1],
        "add_bos_token": False,
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(named))


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", choices=SIZES, default="8b")
    options = parser.parse_args()

    began = time.perf_counter()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = config(options.sizes)
    (folder / "config.json").write_text(json.dumps(settings))
    generation = {"do_sample": False, "eos_token_id": settings["eos_token_id"]}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    save_tokenizer(folder, int(SIZES[options.sizes]["vocab_size"]))
    weight_bytes = save_weights(folder, options.sizes)
    told = {
        "device": {name: str(value) for name, value in mx.device_info().items()},
        "is_gpu": mx.default_device().type == mx.gpu,
        "seconds": round(time.perf_counter() - began, 1),
        "weight_bytes": weight_bytes,
        "peak_memory_bytes": mx.get_peak_memory(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
