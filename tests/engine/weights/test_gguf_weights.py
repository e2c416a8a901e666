"""Small random models of every architecture: written as GGUF, loaded, compared."""

import importlib

import gguf
import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from reference.gguf_export import Q, export, randomise

from pensieve.engine.weights.gguf_weights import load_gguf
from pensieve.errors import ModelError
from pensieve.models.inspection import inspect_gguf

BASE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": 80,
    "max_position_embeddings": 256,
    "rope_theta": 5000.0,
    "rope_scaling": None,
    "tie_word_embeddings": False,
}
LLAMA3 = {
    "type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
LONGROPE = {
    "type": "longrope",
    "long_factor": [1.5, 2.0, 3.0, 5.0],
    "short_factor": [1.0, 1.0, 1.1, 1.2],
}
PHI3_PARTIAL = {"partial_rotary_factor": 0.5, "original_max_position_embeddings": 64}

VARIANTS = {
    "llama": {"model_type": "llama"},
    "llama tied": {"model_type": "llama", "tie_word_embeddings": True},
    "llama with biases": {
        "model_type": "llama",
        "attention_bias": True,
        "mlp_bias": True,
    },
    "llama with its own head size": {"model_type": "llama", "head_dim": 32},
    "llama 3.1": {"model_type": "llama", "rope_scaling": LLAMA3},
    "llama linear": {
        "model_type": "llama",
        "rope_scaling": {"type": "linear", "factor": 4.0},
    },
    "qwen2": {"model_type": "qwen2"},
    "qwen2 yarn": {"model_type": "qwen2", "rope_scaling": YARN},
    "qwen3": {"model_type": "qwen3", "head_dim": 32},
    "qwen3 tied": {
        "model_type": "qwen3",
        "head_dim": 16,
        "tie_word_embeddings": True,
    },
    "gemma3": {
        "model_type": "gemma3_text",
        "head_dim": 32,
        "query_pre_attn_scalar": 32,
        "num_hidden_layers": 4,
        "sliding_window": 8,
        "sliding_window_pattern": 2,
        "rope_local_base_freq": 300.0,
        "rope_scaling": {"type": "linear", "factor": 8.0},
    },
    "phi3": {"model_type": "phi3"},
    "phi3 partly rotated": {"model_type": "phi3", **PHI3_PARTIAL},
    "phi3 longrope": {
        "model_type": "phi3",
        "rope_scaling": LONGROPE,
        **PHI3_PARTIAL,
    },
}
TOKENS = mx.array([[5, 17, 3, 78, 41, 22, 9, 60] * 5])


def small_model(variant: str):
    config = BASE | VARIANTS[variant]
    module = importlib.import_module(f"mlx_lm.models.{config['model_type']}")
    model = module.Model(module.ModelArgs.from_dict(config))
    if config["model_type"] == "gemma3_text":
        model.sanitize({})  # tied
    return randomise(model)


def logits_of(model) -> np.ndarray:
    return np.array(model(TOKENS).astype(mx.float32))


@pytest.mark.parametrize("packed", [False, True], ids=["float32", "packed"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_written_model_comes_back(variant, packed, tmp_path):
    model = small_model(variant)
    path = export(model, tmp_path / "model.gguf")

    loaded, _ = load_gguf(path, packed)

    expected = logits_of(model)
    assert expected.std() > 0.1
    np.testing.assert_allclose(logits_of(loaded), expected, atol=2e-5)


@pytest.mark.parametrize("packed", [False, True], ids=["float32", "packed"])
def test_a_model_in_several_files_comes_back(packed, tmp_path):
    model = small_model("llama")
    export(model, tmp_path / "m.gguf", Q.Q8_0, max_tensors=5)
    first = tmp_path / "m-00001-of-00005.gguf"

    loaded, notes = load_gguf(first, packed)

    one_file = export(model, tmp_path / "m.gguf", Q.Q8_0)
    expected, expected_notes = load_gguf(one_file, packed)
    assert {part.name for part in tmp_path.glob("*.gguf")} > {first.name, "m.gguf"}
    assert mx.array_equal(loaded(TOKENS), expected(TOKENS))
    assert notes == expected_notes


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_written_model_comes_back_through_its_cache(variant, tmp_path):
    model = small_model(variant)
    loaded, _ = load_gguf(export(model, tmp_path / "model.gguf"), packed=False)
    cache = [make_cache(loaded), make_cache(model)]

    steps = [TOKENS[:, :30], TOKENS[:, 30:31], TOKENS[:, 31:]]
    for step in steps:
        got, expected = loaded(step, cache=cache[0]), model(step, cache=cache[1])
        np.testing.assert_allclose(np.array(got), np.array(expected), atol=2e-5)


def make_cache(model):
    from mlx_lm.models.cache import make_prompt_cache

    return make_prompt_cache(model)


@pytest.mark.parametrize(
    "matrix_type", [Q.F16, Q.BF16, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0]
)
def test_both_forms_of_a_type_are_the_same_model(matrix_type, tmp_path):
    path = export(small_model("llama"), tmp_path / "model.gguf", matrix_type)

    float32, _ = load_gguf(path, packed=False)
    packed, _ = load_gguf(path, packed=True)

    sixteen_bits = mx.bfloat16 if matrix_type == Q.BF16 else mx.float16
    logits = packed(TOKENS)
    assert logits.dtype == sixteen_bits, "activations must not grow to float32"
    cache = make_cache(packed)
    packed(TOKENS, cache=cache)
    assert cache[0].state[0].dtype == sixteen_bits
    packed.set_dtype(mx.float32)
    np.testing.assert_allclose(logits_of(packed), logits_of(float32), atol=2e-5)


def test_matrices_with_blocks_are_packed_and_others_are_not(tmp_path):
    path = export(small_model("llama"), tmp_path / "model.gguf", Q.Q5_0)

    loaded, notes = load_gguf(path, packed=True)

    attention = loaded.layers[0].self_attn
    assert (attention.q_proj.bits, attention.q_proj.group_size) == (5, 32)
    assert loaded.layers[0].input_layernorm.weight.dtype == mx.float16
    assert notes == ["repacked exactly: 16 Q5_0", "held as float16: 5 F32"]


def test_phi3_says_that_its_window_is_not_kept(tmp_path):
    path = export(
        small_model("phi3"), tmp_path / "m.gguf", phi3__attention__sliding_window=100
    )

    _, notes = load_gguf(path, packed=False)

    assert notes[0] == "attention sees all tokens; the file has a window of 100"


def test_short_factors_are_for_contexts_that_the_model_was_first_trained_with(tmp_path):
    long = export(small_model("phi3 longrope"), tmp_path / "long.gguf")
    short = export(
        small_model("phi3 longrope"),
        tmp_path / "short.gguf",
        phi3__rope__scaling__original_context_length=256,
    )
    factors = {
        path: np.array(
            load_gguf(path, packed=False)[0].layers[0].self_attn.rope._wavelengths
        )
        / 5000.0 ** (np.arange(0, 8, 2) / 8)
        for path in (long, short)
    }

    np.testing.assert_allclose(factors[long], LONGROPE["long_factor"], rtol=1e-6)
    np.testing.assert_allclose(factors[short], LONGROPE["short_factor"], rtol=1e-6)


MATRIX = np.zeros((64, 64), np.float32)
DAMAGE = {
    "a tensor too few": (
        {"tensor:blk__1__ffn_up__weight": None},
        r"blk\.1\.ffn_up\.weight: expected one of shape \(96, 64\), got no such tensor",
    ),
    "a tensor too many": (
        {"tensor:blk__0__attn_rot_embd__weight": MATRIX},
        r"blk\.0\.attn_rot_embd\.weight: expected no such tensor in llama",
    ),
    "a layer too many": (
        {"tensor:blk__2__attn_q__weight": MATRIX},
        r"blk\.2\.attn_q\.weight: expected no such tensor in llama",
    ),
    "another shape": (
        {"tensor:blk__0__attn_q__weight": np.zeros((64, 32), np.float32)},
        r"blk\.0\.attn_q\.weight: expected shape \(64, 64\), got \(64, 32\)",
    ),
    "no embedding": (
        {"tensor:token_embd__weight": None},
        r"token_embd\.weight: expected a matrix, got None",
    ),
    "a NaN": (
        {"tensor:output_norm__weight": np.full(64, np.nan, np.float32)},
        r"output_norm\.weight: expected finite numbers, got infinity or NaN",
    ),
    "rope factors of another length": (
        {"tensor:rope_freqs__weight": np.ones(7, np.float32)},
        r"rope_freqs\.weight: expected F32 of shape \(8,\), got F32 of shape \(7,\)",
    ),
    "a rope factor of zero": (
        {"tensor:rope_freqs__weight": np.zeros(8, np.float32)},
        r"rope_freqs\.weight: expected finite numbers above 0",
    ),
    "rope factors beside yarn": (
        {
            "tensor:rope_freqs__weight": np.ones(8, np.float32),
            "llama__rope__scaling__type": "yarn",
            "llama__rope__scaling__factor": 2.0,
            "llama__rope__scaling__original_context_length": 64,
        },
        r"rope\.scaling\.type: expected none beside rope_freqs\.weight, got 'yarn'",
    ),
    "short factors where long ones are due": (
        {
            "tensor:rope_factors_short__weight": np.ones(8, np.float32),
            "llama__rope__scaling__original_context_length": 64,
        },
        r"rope_factors_long\.weight: expected one beside rope_factors_short\.weight",
    ),
}


@pytest.mark.parametrize("packed", [False, True], ids=["float32", "packed"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_by_the_tensors_name(damage, packed, tmp_path):
    changes, message = DAMAGE[damage]
    path = export(small_model("llama"), tmp_path / "model.gguf", **changes)

    with pytest.raises(ModelError, match=message):
        load_gguf(path, packed)


@pytest.mark.parametrize("packed", [False, True], ids=["float32", "packed"])
def test_a_block_without_finite_weights_is_refused(packed, tmp_path):
    path = export(small_model("llama"), tmp_path / "model.gguf", Q.Q4_1)
    offset = next(
        int(tensor.data_offset)
        for tensor in gguf.GGUFReader(path).tensors
        if tensor.name == "blk.1.ffn_down.weight"
    )
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(np.float16(np.inf).tobytes())

    with pytest.raises(ModelError, match=r"blk\.1\.ffn_down\.weight: expected finite"):
        load_gguf(path, packed)


def test_a_tensor_of_a_type_without_a_reader_is_refused(tmp_path):
    path = export(small_model("llama"), tmp_path / "model.gguf", Q.MXFP4)

    with pytest.raises(
        ModelError, match=r"token_embd\.weight: expected one of the types"
    ):
        load_gguf(path, packed=False)


def test_a_file_that_is_not_gguf_or_not_there_is_refused(tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04" + bytes(100))

    with pytest.raises(ModelError, match=r"other\.gguf: \[gguf\]"):
        load_gguf(other, packed=False)
    with pytest.raises(ModelError, match=r"absent\.gguf"):
        load_gguf(tmp_path / "absent.gguf", packed=False)


@pytest.mark.parametrize("packed", [False, True], ids=["float32", "packed"])
@pytest.mark.parametrize("variant", ["llama tied", "gemma3", "phi3 longrope"])
@pytest.mark.parametrize("matrix_type", [Q.F32, Q.BF16, Q.Q4_0, Q.Q5_1, Q.Q8_0])
def test_a_model_takes_the_memory_that_inspection_tells(
    matrix_type, variant, packed, tmp_path
):
    path = export(small_model(variant), tmp_path / "model.gguf", matrix_type)
    inspection = inspect_gguf(path)
    told = inspection.on_gpu if packed else inspection.on_cpu

    model, _ = load_gguf(path, packed)
    cache = make_cache(model)
    model(TOKENS, cache=cache)

    parameters = [value for _, value in tree_flatten(model.parameters())]
    assert sum(value.nbytes for value in parameters) == told.weights_bytes
    num_bytes = 0
    for layer in cache:
        kept = min(1000, getattr(layer, "max_size", 1000))  # a window's
        held = (layer.keys, layer.values)
        num_bytes += sum(each.nbytes // each.shape[2] for each in held) * kept
    assert num_bytes == told.kv_bytes_per_1000_tokens
