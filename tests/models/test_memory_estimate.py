"""Estimates by hand, and beside what a loaded model really takes."""

import json

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import make_prompt_cache
from safetensors.numpy import save_file

from pensieve.engine.memory.need import CacheBytes
from pensieve.engine.weights.load import load
from pensieve.errors import ModelError
from pensieve.models.memory_estimate import CHUNK, estimate

QWEN3_8B = {
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "torch_dtype": "bfloat16",
}


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes a folder of a configuration and 1000 bytes."""

    def make(config):
        (tmp_path / "config.json").write_text(json.dumps(config))
        save_file({"a": np.zeros(100, np.float16)}, tmp_path / "model.safetensors")
        return tmp_path

    return make


def test_a_dense_model_keeps_keys_and_values_of_all_layers(folder):
    path = folder(QWEN3_8B)
    need = estimate(path, on_gpu=True)

    assert need.weights_bytes == (path / "model.safetensors").stat().st_size
    assert need.kv_bytes_per_token == 2 * 36 * 8 * 128 * 2
    assert need.kv_bytes(40_960) == 40_960 * 147_456
    assert need.prefill_bytes(40_960) == CHUNK * (4 * 4096 + 3 * 12288) * 2


def test_a_cpu_also_holds_attentions_scores(folder):
    path = folder(QWEN3_8B)
    extra = estimate(path, on_gpu=False).prefill_bytes(40_960)
    extra -= estimate(path, on_gpu=True).prefill_bytes(40_960)

    float32_for_bfloat16 = CHUNK * (4 * 4096 + 3 * 12288) * 2
    assert extra == CHUNK * 40_960 * 32 * 4 + float32_for_bfloat16


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        # Qwen3.6-27B: 16 of 64 layers keep all tokens, 4 heads of 256
        (
            {
                "num_hidden_layers": 64,
                "full_attention_interval": 4,
                "num_key_value_heads": 4,
                "head_dim": 256,
            },
            2 * 16 * 4 * 256,
        ),
        ({"layer_types": ["sliding_attention", "full_attention"] * 12}, 2 * 12 * 1024),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, 36 * 576),
        ({"head_dim": None, "num_key_value_heads": None}, 2 * 36 * 32 * 128),
    ],
)
def test_models_that_keep_less(folder, changes, values):
    need = estimate(folder(QWEN3_8B | changes), on_gpu=True)

    assert need.kv_bytes_per_token == values * 2


def test_what_stands_in_text_config_counts(folder):
    need = estimate(folder({"model_type": "a", "text_config": QWEN3_8B}), on_gpu=True)

    assert need.kv_bytes_per_token == 147_456


def test_what_a_configuration_does_not_tell_is_not_known(folder):
    need = estimate(folder({"model_type": "mamba"}), on_gpu=True)

    assert need.kv_bytes(1000) is need.prefill_bytes(1000) is None
    assert need.max_tokens(1 << 40, 1000) is None


def test_a_configuration_out_of_all_measure_is_refused(folder):
    with pytest.raises(ModelError, match="num_hidden_layers"):
        estimate(folder(QWEN3_8B | {"num_hidden_layers": 1 << 60}), on_gpu=True)


def test_the_tokens_that_fit_are_those_that_are_needed_for(folder):
    need = estimate(folder(QWEN3_8B), on_gpu=False)
    tokens = need.max_tokens(8 << 30, 1 << 30)
    taken = need.weights_bytes + need.kv_bytes(tokens) + need.prefill_bytes(tokens)
    one_more = need.kv_bytes(tokens + 1) + need.prefill_bytes(tokens + 1)

    assert taken <= 8 << 30 < need.weights_bytes + one_more
    assert need.max_tokens(8 << 30, 100) == 100
    assert need.max_tokens(10, 100) == 0


def test_packed_layers_are_counted_as_they_are_unpacked(folder):
    """Of 4 bits, of 8 bits by their own entry, and a norm that is not packed."""
    quantization = {"bits": 4, "group_size": 64, "other": {"bits": 8}}
    path = folder(QWEN3_8B | {"quantization": quantization})
    tensors = {
        "one.weight": np.zeros((8, 16), np.uint32),
        "one.scales": np.zeros((8, 2), np.float16),
        "one.biases": np.zeros((8, 2), np.float16),
        "other.weight": np.zeros((8, 32), np.uint32),
        "other.scales": np.zeros((8, 2), np.float16),
        "norm.weight": np.zeros(128, np.float16),
        "norm.biases": np.zeros(10, np.float16),
    }
    save_file(tensors, path / "model.safetensors")

    unpacked = estimate(path, on_gpu=False).weights_bytes
    assert unpacked == (8 * 128 + 8 * 128 + 128 + 10) * 4


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, (9).to_bytes(8, "little") + b'{"a": 1}}']
)
def test_damaged_weights_are_refused(folder, content):
    path = folder(QWEN3_8B)
    (path / "model.safetensors").write_bytes(content)

    with pytest.raises(ModelError, match="header"):
        estimate(path, on_gpu=False)


@pytest.mark.parametrize("name", ["tiny_model_path", "smollm2_path", "gemma3_path"])
def test_loaded_models_take_what_was_estimated(request, name):
    path = request.getfixturevalue(name)
    need = estimate(path, on_gpu=False)
    before = mx.get_active_memory()
    model = load(path).model
    mx.eval(model.parameters())
    weights_bytes = mx.get_active_memory() - before
    cache = make_prompt_cache(model)
    model(mx.zeros((1, 8), mx.uint32), cache=cache)

    assert need.weights_bytes == pytest.approx(weights_bytes, rel=0.02)
    sizes = CacheBytes.measured(cache)
    if not sizes.windows:  # those of a window are not of every token
        assert need.kv_bytes_per_token == sizes.per_token
