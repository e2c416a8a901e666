"""What a GGUF file's metadata asks for: configured as mlx-lm has it, or refused."""

import gguf
import numpy as np
import pytest
from reference.small_gguf import add_value

from pensieve.errors import ModelError
from pensieve.models.gguf_config import NEUTRAL, model_config
from pensieve.models.gguf_metadata import GgufMetadata

DIMENSIONS = {
    "context_length": 512,
    "embedding_length": 64,
    "block_count": 1,
    "feed_forward_length": 96,
    "attention__head_count": 4,
    "attention__head_count_kv": 2,
    "attention__layer_norm_rms_epsilon": 1e-5,
}


def config_of(tmp_path, architecture="llama", num_tensors=1, **changes):
    """Return the configuration and notes of a file of these hyperparameters."""
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in (DIMENSIONS | changes).items():
        add_value(writer, f"{architecture}.{key.replace('__', '.')}", value)
    writer.add_tensor("token_embd.weight", np.zeros((80, 64), np.float32))
    for index in range(1, num_tensors):
        writer.add_tensor(f"filler.{index}", np.zeros(1, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model_config(GgufMetadata(path))


def test_smollm2_is_configured_as_its_config_json_says(smollm2_path):
    config, notes = model_config(GgufMetadata(smollm2_path))

    assert config == {
        "model_type": "llama",
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "head_dim": 64,
        "rms_norm_eps": pytest.approx(1e-5),
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "rope_theta": 100_000.0,
        "tie_word_embeddings": True,
        # Not of config.json: the file's q and k are for rotation in neighbouring pairs.
        "rope_traditional": True,
        "attention_bias": False,
        "mlp_bias": False,
    }
    assert notes == []


def test_gemma3_is_configured_as_its_config_json_says(gemma3_path):
    config, notes = model_config(GgufMetadata(gemma3_path))

    assert config == {
        "model_type": "gemma3_text",
        "hidden_size": 640,
        "num_hidden_layers": 18,
        "intermediate_size": 2048,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "rms_norm_eps": pytest.approx(1e-6),
        "vocab_size": 262_144,
        "max_position_embeddings": 32_768,
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
        "query_pre_attn_scalar": 256,
        "sliding_window": 512,
        "sliding_window_pattern": 6,
        "tie_word_embeddings": True,
    }
    assert notes == []


def test_another_architecture_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match=r"general\.architecture: .*got 'mamba'"):
        config_of(tmp_path, "mamba")


@pytest.mark.parametrize("key", NEUTRAL)
def test_a_key_that_changes_the_mathematics_is_refused(key, tmp_path):
    name = key.replace(".", "__")
    other = not NEUTRAL[key] if isinstance(NEUTRAL[key], bool) else NEUTRAL[key] + 7

    config_of(tmp_path, **{name: NEUTRAL[key]})
    with pytest.raises(ModelError, match=f"llama.{key}: expected .* got {other}"):
        config_of(tmp_path, **{name: other})


@pytest.mark.parametrize("wrong", [0, -1, 1 << 25, 4.0, "4", True, [4, 5], None])
@pytest.mark.parametrize("key", ["embedding_length", "attention__head_count"])
def test_a_count_that_is_not_one_is_refused(key, wrong, tmp_path):
    dotted = key.replace("__", ".")
    with pytest.raises(ModelError, match=f"llama.{dotted}: expected a whole number"):
        config_of(tmp_path, **{key: wrong})


@pytest.mark.parametrize("wrong", [0.0, -1e-5, float("inf"), float("nan"), "1", False])
@pytest.mark.parametrize(
    "key", ["attention__layer_norm_rms_epsilon", "rope__freq_base"]
)
def test_a_number_that_is_not_one_is_refused(key, wrong, tmp_path):
    dotted = key.replace("__", ".")
    with pytest.raises(ModelError, match=f"llama.{dotted}: expected a .*number"):
        config_of(tmp_path, **{key: wrong})


def test_one_value_a_layer_is_one_value_where_all_are_the_same(tmp_path):
    config, _ = config_of(tmp_path, attention__head_count_kv=[2, 2, 2])

    assert config["num_key_value_heads"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_count": 2}, "block_count: expected at most 1 "),
        (
            {"attention__head_count_kv": 3},
            "head_count_kv: expected a divisor of 4, got 3",
        ),
        ({"attention__head_count": 100}, "key_length: expected a whole number"),
        ({"attention__key_length": 15}, "key_length: expected an even number, got 15"),
        ({"attention__value_length": 8}, "value_length: expected the keys' 16, got 8"),
        ({"rope__dimension_count": 8}, "dimension_count: expected 16, got 8"),
        (
            {"rope__dimension_count": 18},
            "dimension_count: expected an even number up to",
        ),
        (
            {"rope__scaling__type": "dynamic"},
            "scaling.type: expected none, linear, yarn",
        ),
        (
            {"rope__scaling__type": "linear"},
            "scaling.factor: expected a number, got no",
        ),
        ({"attention__sliding_window": 511}, "sliding_window: expected nothing below"),
    ],
)
def test_what_llama_cannot_do_is_refused(changes, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        config_of(tmp_path, **changes)


@pytest.mark.parametrize("architecture", ["qwen2", "phi3"])
def test_heads_that_do_not_fill_the_width_are_refused_where_mlx_has_none(
    architecture, tmp_path
):
    with pytest.raises(ModelError, match=r"key_length: expected 64 .* / 4 .*, got 32"):
        config_of(tmp_path, architecture, attention__key_length=32)


def test_a_window_as_long_as_the_context_is_none(tmp_path):
    config, notes = config_of(tmp_path, attention__sliding_window=512)

    assert "sliding_window" not in config
    assert notes == []


def test_linear_scaling_is_read_from_either_key(tmp_path):
    linear = {"type": "linear", "factor": 4.0}

    old, _ = config_of(tmp_path, rope__scale_linear=4.0)
    new, _ = config_of(
        tmp_path, rope__scaling__type="linear", rope__scaling__factor=4.0
    )

    assert old["rope_scaling"] == new["rope_scaling"] == linear


def test_yarn_takes_its_bounds_from_the_file(tmp_path):
    config, _ = config_of(
        tmp_path,
        "qwen2",
        rope__scaling__type="yarn",
        rope__scaling__factor=4.0,
        rope__scaling__original_context_length=128,
        rope__scaling__yarn_beta_slow=2.0,
    )

    assert config["rope_scaling"] == {
        "type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 128,
        "beta_fast": 32.0,
        "beta_slow": 2.0,
    }


def test_phi3_with_linear_scaling_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"scaling\.type: .*got 'linear'"):
        config_of(
            tmp_path, "phi3", rope__scaling__type="linear", rope__scaling__factor=2.0
        )


@pytest.mark.parametrize("rotated", range(2, 17, 2))
def test_phi3_rotates_as_many_dimensions_as_the_file_says(rotated, tmp_path):
    config, _ = config_of(tmp_path, "phi3", rope__dimension_count=rotated)

    assert int(16 * config["partial_rotary_factor"]) == rotated


# ----- gemma3's windows -----


def gemma3_period(tmp_path, **changes):
    changes = {"block_count": 7, "num_tensors": 7} | changes
    config, _ = config_of(tmp_path, "gemma3", **changes)
    return config["sliding_window_pattern"]


def test_gemma3_without_a_window_sees_everything_everywhere(tmp_path):
    assert gemma3_period(tmp_path) == 1


@pytest.mark.parametrize(
    ("pattern", "period"), [(None, 6), (3, 3), ([True, True, False] * 2 + [True], 3)]
)
def test_gemma3s_windows_come_round_as_the_file_says(pattern, period, tmp_path):
    window = {
        "attention__sliding_window": 8,
        "attention__sliding_window_pattern": pattern,
    }
    assert gemma3_period(tmp_path, **window) == period


@pytest.mark.parametrize(
    "pattern",
    [8, [True, False, True, True, False, True, True], [False, True], [True] * 7],
    ids=["too long", "irregular", "of two layers", "without an end"],
)
def test_windows_that_mlx_cannot_lay_out_are_refused(pattern, tmp_path):
    window = {
        "attention__sliding_window": 8,
        "attention__sliding_window_pattern": pattern,
    }
    with pytest.raises(ModelError, match="sliding_window_pattern: expected"):
        gemma3_period(tmp_path, **window)


def test_the_27b_scales_attention_by_its_width(tmp_path):
    wide = {"embedding_length": 96, "attention__key_length": 16, "num_tensors": 62}

    small, _ = config_of(tmp_path, "gemma3", block_count=61, **wide)
    large, _ = config_of(tmp_path, "gemma3", block_count=62, **wide)

    assert small["query_pre_attn_scalar"] == 16
    assert large["query_pre_attn_scalar"] == 96 // 4
