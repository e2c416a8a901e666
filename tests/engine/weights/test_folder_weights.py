"""Folders that mlx-lm wrote, loaded in both forms; folders that must not be."""

import json

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models import llama, mixtral
from mlx_lm.utils import quantize_model, save_config, save_model
from reference.gguf_export import randomise

from pensieve.engine.weights.folder_weights import load_folder
from pensieve.engine.weights.load import load
from pensieve.errors import ModelError

CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "vocab_size": 96,
    "max_position_embeddings": 256,
    "attention_bias": True,
    "tie_word_embeddings": True,
}
MIXTRAL = {key: value for key, value in CONFIG.items() if not key.startswith("tie")} | {
    "model_type": "mixtral",
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
}
TOKENS = mx.array([[5, 17, 3, 78, 41, 22, 9, 60]])


def write(folder, module=llama, config=CONFIG, dtype=mx.bfloat16, quantise=None):
    """Write a random model, and return it as mlx-lm computes it."""
    model = randomise(module.Model(module.ModelArgs.from_dict(config)))
    model.set_dtype(dtype)
    if quantise is not None:
        model, config = quantize_model(model, dict(config), **quantise)
    folder.mkdir()
    save_model(folder, model)
    save_config(dict(config), folder / "config.json")
    return model


def logits_of(model) -> np.ndarray:
    return np.array(model(TOKENS).astype(mx.float32))


def exact_logits_of(model) -> np.ndarray:
    """Compute with the same weights, in float32."""
    model.set_dtype(mx.float32)
    return logits_of(model)


FORMS = {
    "bfloat16": {},
    "float16": {"dtype": mx.float16},
    "4 bits": {"quantise": {"group_size": 64, "bits": 4}},
    "8 bits": {"quantise": {"group_size": 32, "bits": 8}, "dtype": mx.float16},
    "mxfp4": {"quantise": {"group_size": 32, "bits": 4, "mode": "mxfp4"}},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_float32_form_computes_with_the_files_weights(form, tmp_path):
    model = write(tmp_path / "model", **FORMS[form])

    loaded, notes = load_folder(tmp_path / "model", packed=False)

    parameters = tree_flatten(loaded.parameters())
    assert {value.dtype for _, value in parameters} == {mx.float32}
    expected = exact_logits_of(model)
    np.testing.assert_allclose(logits_of(loaded), expected, atol=2e-5)
    quantised = ["15 quantised layers dequantised"] if "quantise" in FORMS[form] else []
    assert notes == ["held as float32", *quantised]


@pytest.mark.parametrize("form", FORMS)
def test_the_packed_form_is_what_is_in_the_files(form, tmp_path):
    model = write(tmp_path / "model", **FORMS[form])

    loaded, notes = load_folder(tmp_path / "model", packed=True)

    saved = dict(tree_flatten(model.parameters()))
    for name, value in tree_flatten(loaded.parameters()):
        assert value.dtype == saved[name].dtype
        assert mx.array_equal(value, saved[name])
    assert notes == ["as in the files (llama)"]


def test_experts_are_dequantised_too(tmp_path):
    quantise = {"group_size": 32, "bits": 8}
    model = write(tmp_path / "model", mixtral, MIXTRAL, mx.float16, quantise)

    loaded, _ = load_folder(tmp_path / "model", packed=False)

    parameters = tree_flatten(loaded.parameters())
    assert {value.dtype for _, value in parameters} == {mx.float32}
    np.testing.assert_allclose(logits_of(loaded), exact_logits_of(model), atol=2e-5)


def test_a_folder_is_loaded_by_load_and_ready_to_generate(tmp_path):
    write(tmp_path / "model")

    loaded = load(tmp_path / "model")

    assert isinstance(loaded.model, nn.Module)
    assert not loaded.model.training


def change_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(config))


def test_code_in_the_folder_is_refused_and_not_run(tmp_path):
    folder = tmp_path / "model"
    write(folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    change_config(folder, model_file="evil.py")

    with pytest.raises(ModelError, match=r"model_file: expected none, got 'evil\.py'"):
        load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("model_type", ["frobnicator", "cache", "base"])
def test_a_type_of_model_that_mlx_lm_has_not_is_refused_by_name(model_type, tmp_path):
    write(tmp_path / "model")
    change_config(tmp_path / "model", model_type=model_type)

    with pytest.raises(ModelError, match=f"mlx-lm cannot load this {model_type}: "):
        load(tmp_path / "model")


@pytest.mark.parametrize("model_type", [None, 7, "", "..", "a.b", "../llama", "a b"])
def test_a_type_of_model_that_is_no_word_is_refused(model_type, tmp_path):
    write(tmp_path / "model")
    change_config(tmp_path / "model", model_type=model_type)

    with pytest.raises(ModelError, match="model_type: expected a word, got"):
        load(tmp_path / "model")


def test_a_missing_or_damaged_config_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        load(tmp_path / "empty")
    (tmp_path / "empty" / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json"):
        load(tmp_path / "empty")
    (tmp_path / "empty" / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="expected a word, got None"):
        load(tmp_path / "empty")


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 128},
        {"hidden_size": "many"},
        {"hidden_size": None},
        {"num_attention_heads": 0},
        {"num_hidden_layers": 3},
        {"num_hidden_layers": 1},
        {"rope_scaling": {"type": "yarn"}},
        {"quantization": {"bits": 4}},
        {"quantization_config": 5},
    ],
    ids=str,
)
def test_a_config_that_does_not_fit_the_weights_is_refused(changes, tmp_path):
    write(tmp_path / "model")
    change_config(tmp_path / "model", **changes)

    with pytest.raises(ModelError, match="mlx-lm cannot load this llama: "):
        load(tmp_path / "model")


def test_weights_that_are_missing_or_damaged_are_refused(tmp_path):
    write(tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    whole = weights.read_bytes()

    for damaged in (b"", whole[:100], whole[:-1000], b"\xff" * 200):
        weights.write_bytes(damaged)
        with pytest.raises(ModelError, match="mlx-lm cannot load this llama: "):
            load(tmp_path / "model")
    weights.unlink()
    with pytest.raises(ModelError, match="No safetensors found"):
        load(tmp_path / "model")
