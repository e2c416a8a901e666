"""The two real models: their logits against a float reference of gguf-py's weights."""

import mlx.core as mx
import numpy as np
import pytest
from reference.float_transformer import gemma3_logits, llama_logits
from reference.gguf_blocks import QUANTISED, dequantised_by_gguf
from reference.repack_error import float16_rounding, repack_error_bound, unpacked

from pensieve._native.gguf import GgufFile
from pensieve.engine.weights.dequantise import dequantise
from pensieve.engine.weights.load import load
from pensieve.engine.weights.repack import repack
from pensieve.models.tensor_forms import FIDELITY

pytestmark = pytest.mark.slow

PROMPT = [2, 504, 3575, 282, 4649, 314, 28, 12111, 9000, 1045, 7, 31000]
"""Any tokens do: the model only has to be computed right."""


class RealModel:
    """A file, its weights by gguf-py, and the logits that follow from them."""

    def __init__(self, path, reference, norm_shift) -> None:
        self.path = path
        self.reference = reference
        self.norm_shift = norm_shift
        self.file = GgufFile(path)
        self.types = {tensor.name: tensor.type for tensor in self.file.tensors}
        self.weights = {
            tensor.name: dequantised_by_gguf(
                tensor.type, self.file.tensor_bytes(tensor.name)
            ).reshape(tensor.shape)
            for tensor in self.file.tensors
        }
        self.logits = self.logits_of(self.weights.__getitem__)

    def logits_of(self, tensor) -> np.ndarray:
        return self.reference(self.file, tensor, PROMPT)

    def perturbed_logits(self, seed: int) -> np.ndarray:
        """Return what comes of moving each weight as far as the packed form may."""
        rng = np.random.default_rng(seed)

        def tensor(name: str) -> np.ndarray:
            weight, ggml_type = self.weights[name], self.types[name]
            if ggml_type in QUANTISED:
                raw = self.file.tensor_bytes(name)
                bound = repack_error_bound(ggml_type, raw).reshape(weight.shape)
            else:
                # Rounded to float16; gemma's norms without the 1 in them.
                stored = weight - np.float32(self.norm_shift)
                is_exact = stored.astype(np.float16) == stored
                bound = np.where(is_exact, 0, float16_rounding(stored))
            if not bound.any():
                return weight
            return weight + bound * rng.choice([-1, 1], weight.shape)

        return self.logits_of(tensor)


@pytest.fixture(scope="module")
def smollm2(smollm2_path):
    return RealModel(smollm2_path, llama_logits, norm_shift=0)


@pytest.fixture(scope="module")
def gemma3(gemma3_path):
    return RealModel(gemma3_path, gemma3_logits, norm_shift=1)


@pytest.fixture(params=["smollm2", "gemma3"])
def real_model(request):
    return request.getfixturevalue(request.param)


def logits_of(model) -> np.ndarray:
    return np.array(model(mx.array([PROMPT]))[0])


def rounding_bound(logits: np.ndarray) -> float:
    """Return how far logits may be off in float32.

    A product of 2048 terms is off by some sqrt(2048) * 2^-24 of its size, and a logit
    goes through 30 layers of 4 products: sqrt(120) times that if they are independent.
    """
    return np.sqrt(2048) * 2.0**-24 * np.sqrt(120) * np.abs(logits).max()


def test_each_tensor_is_ggufs_as_float32_and_within_its_types_error_packed(real_model):
    for tensor in real_model.file.tensors:
        raw = real_model.file.tensor_bytes(tensor.name)
        expected = real_model.weights[tensor.name]
        weights = np.empty(tensor.shape, np.float32)

        dequantise(tensor.type, raw, weights)

        assert np.array_equal(weights, expected), tensor.name
        if tensor.type in QUANTISED:
            error = np.abs(
                unpacked(repack(tensor.type, raw, tensor.shape)) - expected.reshape(-1)
            )
            if FIDELITY[tensor.type] == "exact":
                assert error.max() == 0, tensor.name
            else:
                assert (error <= repack_error_bound(tensor.type, raw)).all(), (
                    tensor.name
                )


def test_float32_logits_are_the_references_but_for_rounding(real_model):
    loaded = load(real_model.path, packed=False)

    logits = logits_of(loaded.model)

    error = np.abs(logits - real_model.logits).max()
    assert error < rounding_bound(real_model.logits)


def test_packed_logits_move_no_more_than_the_stated_errors_move_them(real_model):
    loaded = load(real_model.path, packed=True)
    # The packed weights, computed in float32: x86 has no 16-bit arithmetic.
    loaded.model.set_dtype(mx.float32)

    logits = logits_of(loaded.model)

    error = np.abs(logits - real_model.logits).max()
    moved = np.abs(real_model.perturbed_logits(seed=0) - real_model.logits).max()
    assert error < moved + rounding_bound(real_model.logits)


def test_the_notes_count_the_tensors_by_what_became_of_them(smollm2_path, gemma3_path):
    assert load(smollm2_path, packed=False).notes == [
        "held as float32: 210 Q4_1, 61 F32, 1 Q8_0"
    ]
    assert load(smollm2_path, packed=True).notes == [
        "repacked exactly: 210 Q4_1, 1 Q8_0",
        "held as float16: 61 F32",
    ]
    assert load(gemma3_path, packed=True).notes == [
        "repacked exactly: 81 Q5_0, 10 Q8_0",
        "repacked, scales rounded to float16: 27 Q4_K",
        "held as float16: 109 F32",
        "requantised to 8 bits: 9 Q6_K",
    ]


def test_the_device_decides_between_the_forms(smollm2_path):
    loaded = load(smollm2_path)

    on_gpu = mx.default_device().type == mx.gpu
    embedding = loaded.model.model.embed_tokens.weight
    assert embedding.dtype == (mx.uint32 if on_gpu else mx.float32)
    assert not loaded.model.training
